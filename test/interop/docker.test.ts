import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'

/**
 * The Dockerfile, built for real by podman (containers cannot run on every test host, so RUN steps are chroots), and the daemon
 * started out of the built root as Docker would: own network, the image's user, one capability.
 * The base image is Debian 13 made by mmdebstrap: no container registry is asked.
 */
const root = new URL('../..', import.meta.url).pathname
const base = `localhost/muster-test-base:${process.pid}`
const image = `localhost/muster-test:${process.pid}`
const storage = mkdtempSync(join(tmpdir(), 'muster-podman-')) // of this test alone: it leaves no layers behind
const ns = `mu-${process.pid}-docker`
const ADDRESS = '10.79.0.2'
const NET_BIND_SERVICE = 0x400n // 1 << CAP_NET_BIND_SERVICE (capabilities(7))

const run = (command: string, args: string[], seconds = 60) =>
  execFileSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    timeout: seconds * 1000,
    maxBuffer: 64 << 20,
    stdio: 'pipe',
  })

const podman = (args: string[], seconds?: number) =>
  run('podman', ['--root', join(storage, 'root'), '--runroot', join(storage, 'run'), ...args], seconds)

const quietly = (act: () => unknown) => {
  try {
    act()
  } catch {
    // nothing was there to be removed
  }
}

function baseTar(): string {
  const tar = join(root, '.cache', 'docker-base-trixie.tar')
  if (existsSync(tar)) return tar
  mkdirSync(join(root, '.cache'), { recursive: true })
  const made = `${tar}.${process.pid}.tar`
  run('mmdebstrap', ['--variant=minbase', '--include=ca-certificates', 'trixie', made], 300)
  renameSync(made, tar)
  return tar
}

function buildImage() {
  podman(['import', '-q', baseTar(), base], 120)
  const host = ['/etc/ssl/certs', '/usr/local/share/ca-certificates'].flatMap(dir => [
    '-v',
    `${dir}:${dir}:ro`,
  ])
  const args = [
    '--isolation',
    'chroot',
    '--format',
    'docker',
    '--pull=never',
    '--build-arg',
    `BASE=${base}`,
    ...host,
  ]
  podman(['build', '-q', ...args, '-t', image, '.'], 900)
}

/** What `docker run --network host --cap-drop ALL --cap-add NET_BIND_SERVICE -v STATE:/var/lib/muster` amounts to. */
function startIn(mounted: string, state: string) {
  const script = `
    mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && mount --bind "$2" "$1/var/lib/muster" &&
    exec chroot "$1" env -i PATH=/usr/local/bin:/usr/bin:/bin setpriv --reuid muster --regid muster --clear-groups --bounding-set=-all,+net_bind_service \\
      muster serve --interface lan0`
  const args = ['netns', 'exec', ns, 'unshare', '--mount', 'bash', '-c', script, 'bash', mounted, state]
  return spawn('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] })
}

t.test('the image', { timeout: 1_200_000 }, async t => {
  const state = mkdtempSync(join(tmpdir(), 'muster-docker-'))
  t.teardown(() => {
    quietly(() => run('ip', ['netns', 'del', ns]))
    quietly(() => podman(['image', 'umount', '-fa']))
    for (const dir of [state, storage]) rmSync(dir, { recursive: true, force: true })
  })
  buildImage()

  const [{ Config: config, Healthcheck: health }] = JSON.parse(podman(['image', 'inspect', image]))
  t.equal(config.User, 'muster', 'runs as its own user')
  t.match(Object.keys(config.Volumes), ['/var/lib/muster'], 'keeps its state in a volume')
  t.match(health.Test, ['CMD', 'muster', 'status'], 'is asked how it is')

  for (const line of [
    `netns add ${ns}`,
    `-n ${ns} link add lan0 type veth peer name lan1`,
    `-n ${ns} address add ${ADDRESS}/24 dev lan0`,
    `-n ${ns} link set lan0 up`,
    `-n ${ns} link set lan1 up`,
    `-n ${ns} link set lo up`,
  ])
    run('ip', line.split(' '))
  const mounted = podman(['image', 'mount', image]).trim()
  const owner = /^muster:x:(\d+):(\d+)/m.exec(readFileSync(join(mounted, 'etc/passwd'), 'utf8'))
  run('chown', [`${owner?.[1]}:${owner?.[2]}`, state])

  const daemon = startIn(mounted, state)
  const exited = once(daemon, 'exit')
  t.teardown(async () => {
    daemon.kill('SIGKILL')
    await exited
  })
  const said = await untilSaid(daemon, /"ready"/)
  t.match(said, /"ready"/, 'serves')

  const status = readFileSync(`/proc/${daemon.pid}/status`, 'utf8')
  t.equal(/Uid:\s+(\d+)/.exec(status)?.[1], owner?.[1], 'as muster')
  t.equal(BigInt(`0x${/CapEff:\s+(\w+)/.exec(status)?.[1]}`), NET_BIND_SERVICE, 'with one capability')
  t.equal(BigInt(`0x${/CapBnd:\s+(\w+)/.exec(status)?.[1]}`), NET_BIND_SERVICE, 'and no way to others')
  const healthy = run('ip', [
    'netns',
    'exec',
    ns,
    'curl',
    '-sf',
    '--max-time',
    '5',
    `http://${ADDRESS}:8067/healthz`,
  ])
  t.ok(healthy, 'is healthy')

  daemon.kill('SIGTERM')
  t.match(await exited, [0], 'ends cleanly')
})

/** What the daemon printed until it said `what`, or until it ended or half a minute passed. */
function untilSaid(daemon: ReturnType<typeof spawn>, what: RegExp): Promise<string> {
  return new Promise(resolve => {
    let said = ''
    const timer = setTimeout(() => resolve(said), 30_000)
    const end = () => {
      clearTimeout(timer)
      resolve(said)
    }
    daemon.once('exit', end)
    for (const stream of [daemon.stdout, daemon.stderr])
      stream?.on('data', (chunk: Buffer) => {
        said += chunk
        if (what.test(said)) end()
      })
  })
}
