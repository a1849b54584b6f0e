import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type ListenOptions } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { openRoles } from '../../src/io/roles.js'
import { granted } from '../control/example.js'
import { wantedFor } from '../support/roles.js'
import { startSshd } from '../support/sshd.js'

/** What the key of a master may do on a worker, by OpenSSH's own client and server: reach one socket, and nothing else. */

const BOUND_MS = 20_000
const dir = mkdtempSync(join(tmpdir(), 'muster-key-')) // its sockets have short names
t.teardown(() => rmSync(dir, { recursive: true }))
const at = (name: string) => join(dir, name)
execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('key')])
const [type, blob] = readFileSync(at('key.pub'), 'utf8').split(' ')

/** As the roles write them for a worker whose pool user is who runs this; in place of its number is a word of our own. */
const NUMBER = `muster-test-${process.pid}`
const user = execFileSync('id', ['-un'], { encoding: 'utf8' }).trim()
const worker = {
  ...wantedFor({ name: 'node-2', role: 'worker' }, [
    { role: 'master', address: '127.0.0.1', published: { 'master.public_key': `${type} ${blob}` } },
  ]),
  users: { owner: 'owner', pool: user },
}
const roles = granted(await openRoles({ folder: '/nonexistent' }).named(['podman', 'worker']))
function contentOf(path: string): string {
  const files = roles.flatMap(role => role.files(worker, { 'worker.user': NUMBER }))
  const { content } = files.find(file => file.path === path) ?? {}
  if (!content) throw new Error(`no role writes ${path}`)
  return content
}

const run = `/run/user/${NUMBER}/podman`
mkdirSync(run, { recursive: true })
t.teardown(() => rmSync(`/run/user/${NUMBER}`, { recursive: true }))

/** Says its name to whoever connects. */
async function service(name: string, where: ListenOptions) {
  const server = createServer(socket => socket.end(name)).listen(where)
  await once(server, 'listening')
  t.teardown(() => server.close())
  return server.address()
}
await service('podman', { path: join(run, 'podman.sock') })
await service('other', { path: at('other.sock') })
const port = ((await service('port', { host: '127.0.0.1', port: 0 })) as AddressInfo).port

const { reach } = await startSshd(t, {
  authorized: contentOf(`/home/${user}/.ssh/authorized_keys`),
  before: `Subsystem sftp internal-sftp\n${contentOf('/etc/ssh/sshd_config.d/60-muster-pool.conf')}`,
})
const OPTIONS = [
  ...['BatchMode=yes', 'IdentitiesOnly=yes', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null'],
  ...['ExitOnForwardFailure=yes', 'LogLevel=ERROR', 'PermitLocalCommand=no'],
].flatMap(option => ['-o', option])
const client = [...['-F', 'none', '-i', at('key'), '-p', String(reach.port)], ...OPTIONS]
const there = `${user}@${reach.address}`

/** How ssh ended, and what it wrote; `timed out` when it is still there because it got what it asked for. */
const ssh = (before: readonly string[], after: readonly string[] = []) =>
  new Promise<{ code: unknown; stdout: string; stderr: string }>(resolve => {
    const ended = (error: { code?: unknown; killed?: boolean } | null, stdout: string, stderr: string) =>
      resolve({ code: error?.killed ? 'timed out' : (error?.code ?? 0), stdout, stderr })
    const child = execFile('ssh', [...client, ...before, there, ...after], { timeout: 5_000 }, ended)
    child.stdin?.end()
  })

for (const [name, before, after, code, stderr] of [
  ['a command', [], ['id'], 1, ''],
  ['a terminal', ['-tt'], [], 255, /PTY allocation request failed/],
  ['sftp', ['-s'], ['sftp'], 1, ''],
  ['a port by -W', ['-W', `127.0.0.1:${port}`], [], 255, /administratively prohibited|forwarding failed/],
  ['sshd itself by -W', ['-W', `127.0.0.1:${reach.port}`], [], 255, /prohibited|forwarding failed/],
  ['to listen on a port', ['-N', '-R', `0:127.0.0.1:${port}`], [], 255, /forwarding failed/],
  [
    'to listen on the port of its line',
    ['-N', '-R', '127.0.0.1:1:127.0.0.1:2'],
    [],
    255,
    /forwarding failed/,
  ],
  ['to listen on a socket', ['-N', '-R', `${at('new.sock')}:127.0.0.1:1`], [], 255, /forwarding failed/],
  ['to listen on every port, as a proxy', ['-N', '-R', '0'], [], 255, /forwarding failed/],
] as const)
  t.test(`denied: ${name}`, async t => {
    const ended = await ssh(before, after)
    t.match(ended, { code, stdout: /^$/, ...(stderr && { stderr }) })
    t.notOk(existsSync(at('new.sock')))
  })

/** What a socket of the worker says through `-L`, as `podman --connection` does without a program of ssh. */
async function through(socket: string) {
  const local = at(`${basename(socket)}.local`)
  const forward = spawn('ssh', [...client, '-N', '-L', `${local}:${socket}`, there], { stdio: 'ignore' })
  try {
    for (const end = Date.now() + BOUND_MS; !existsSync(local); await pause(50))
      if (Date.now() > end || forward.exitCode !== null) throw new Error('ssh does not forward')
    return await text(connect({ path: local }))
  } finally {
    forward.kill()
  }
}

t.test('denied: another socket', async t => t.equal(await through(at('other.sock')), ''))

t.test('the socket of Podman', async t => t.equal(await through(join(run, 'podman.sock')), 'podman'))
