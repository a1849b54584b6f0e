import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { get, startMirror, startUpstream } from '../support/mirror.js'

/** The mirror cache as a process, under curl and apt, and on a disk that is full. */

const DEB = '/pool/a_1_all.deb'
const BYTES = randomBytes(8_000_000)
const script = fileURLToPath(new URL('../../bench/mirrorServer.ts', import.meta.url))

/** @param within a command that runs another one, and its first words */
async function startProcess(t: Test, folder: string, url: string, within: readonly string[] = []) {
  const server = [process.execPath, '--import=@tapjs/typescript/import', script, folder, url]
  const [command = '', ...args] = [...within, ...server, ...(within.length > 0 ? ['0'] : [])]
  const child: ChildProcess = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  if (!child.stdout) throw new Error('no output')
  const [port] = await once(child.stdout, 'data', { signal: AbortSignal.timeout(60_000) })
  return { child, base: `http://127.0.0.1:${String(port).trim()}/mirror/debian` }
}

/** So slow that there is a middle. */
function slowly(res: ServerResponse) {
  res.writeHead(200, { 'content-length': BYTES.length })
  let at = 0
  const more = setInterval(() => {
    res.write(BYTES.subarray(at, at + 200_000))
    at += 200_000
    if (at < BYTES.length) return
    clearInterval(more)
    res.end()
  }, 20)
  res.on('close', () => clearInterval(more))
}

t.test('64 times curl: one download, and every copy is whole', async t => {
  const upstream = await startUpstream(t, { [DEB]: (_req, res) => slowly(res) })
  const folder = t.testdir({ out: {} })
  const { base } = await startProcess(t, join(folder, 'cache'), upstream.url)
  const files = Array.from({ length: 64 }, (_, n) => ['-o', join(folder, 'out', String(n)), `${base}${DEB}`])
  const curl = ['-sS', '--fail', '--max-time', '100', '-Z', '--parallel-immediate', '--parallel-max', '64']
  await promisify(execFile)('curl', [...curl, ...files.flat()])
  const whole = readdirSync(join(folder, 'out')).filter(n =>
    readFileSync(join(folder, 'out', n)).equals(BYTES),
  )
  t.equal(whole.length, 64)
  t.same(upstream.asked, [`GET ${DEB}`])
})

t.test('kill -9 in the middle: the next start knows nothing of the half', async t => {
  const upstream = await startUpstream(t, { [DEB]: (_req, res) => slowly(res) })
  const folder = join(t.testdir({}), 'cache')
  const first = await startProcess(t, folder, upstream.url)
  const res = await fetch(`${first.base}${DEB}`)
  await res.body?.getReader().read()
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')
  t.equal(readdirSync(join(folder, 'drafts')).length, 1, 'a half was there')
  const second = await startProcess(t, folder, upstream.url)
  t.same(readdirSync(join(folder, 'drafts')), [])
  t.ok((await get(`${second.base}${DEB}`)).body.equals(BYTES))
  t.equal(upstream.asked.length, 2)
})

t.test('a disk that fills up in the middle: the clients get all of it past the disk', async t => {
  const folder = t.testdir({})
  const unknownLength = (req: IncomingMessage, res: ServerResponse) => {
    const [, from] = /^bytes=(\d+)-$/.exec(req.headers.range ?? '') ?? []
    res.writeHead(from === undefined ? 200 : 206)
    res.end(BYTES.subarray(Number(from ?? 0)))
  }
  const upstream = await startUpstream(t, { [DEB]: unknownLength })
  // the small disk is there for this process alone, and goes with it
  const small = [
    'unshare',
    '--mount',
    'sh',
    '-c',
    'mount -t tmpfs -o size=2m tmpfs "$0" && exec "$@"',
    folder,
  ]
  const { child, base } = await startProcess(t, folder, upstream.url, small)
  const both = await Promise.all([get(base + DEB), get(base + DEB)])
  for (const { body } of both) t.ok(body.equals(BYTES))
  t.ok(upstream.asked.length > 1, 'the rest came from the mirror')
  t.same(readdirSync(join(`/proc/${child.pid}/root`, folder, 'drafts')), [])
})

/** A flat repository with one package. */
function repository(folder: string): Record<string, Buffer> {
  const root = join(folder, 'hello')
  mkdirSync(join(root, 'DEBIAN'), { recursive: true })
  const control =
    'Package: hello-mirror\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: x\n'
  writeFileSync(join(root, 'DEBIAN/control'), control)
  execFileSync('dpkg-deb', ['--build', '--root-owner-group', root, join(folder, 'hello.deb')], {
    stdio: 'ignore',
  })
  const deb = readFileSync(join(folder, 'hello.deb'))
  const sum = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
  const place = `Filename: pool/hello.deb\nSize: ${deb.length}\nSHA256: ${sum(deb)}\n`
  const packages = Buffer.from(`${control}${place}`)
  const release = `Suite: x\nDate: ${new Date().toUTCString()}\nSHA256:\n ${sum(packages)} ${packages.length} Packages\n`
  return { '/pool/hello.deb': deb, '/repo/Packages': packages, '/repo/Release': Buffer.from(release) }
}

t.test('apt, also when the mirror is away', async t => {
  const folder = t.testdir({})
  const upstream = await startUpstream(t, repository(folder))
  const { base, time, settled } = await startMirror(t, upstream.url, { folder: join(folder, 'cache') })
  const apt = async (run: string, ...args: string[]) => {
    const home = join(folder, run)
    for (const dir of ['lists/partial', 'cache/archives/partial', 'etc', 'down'])
      mkdirSync(join(home, dir), { recursive: true })
    writeFileSync(join(home, 'sources.list'), `deb [trusted=yes] ${base}/debian repo/\n`)
    writeFileSync(join(home, 'status'), '')
    const options = {
      'Dir::State::lists': join(home, 'lists'),
      'Dir::State::status': join(home, 'status'),
      'Dir::Cache': join(home, 'cache'),
      'Dir::Etc::sourcelist': join(home, 'sources.list'),
      'Dir::Etc::sourceparts': '-',
      'Dir::Etc::parts': join(home, 'etc'),
      'APT::Sandbox::User': 'root',
      'Acquire::Retries': '0',
    }
    const given = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
    await promisify(execFile)('apt-get', [...given, ...args], { cwd: join(home, 'down'), timeout: 60_000 })
    return readdirSync(join(home, 'down'))
  }
  const fetched = [/^hello-mirror_1_all\.deb$/]
  for (const run of ['first', 'second']) {
    await apt(run, 'update')
    t.match(await apt(run, 'download', 'hello-mirror'), fetched, run)
    await settled()
    time.now += 60_000
  }
  await upstream.stop()
  rmSync(join(folder, 'second/down/hello-mirror_1_all.deb'))
  t.match(await apt('second', 'download', 'hello-mirror'), fetched, 'the mirror is away')
  t.equal(upstream.asked.filter(line => line.endsWith('hello.deb')).length, 1)
})
