import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { FACTS } from '../support/facts.js'

/** The whole daemon as a process: how it starts, how it ends, and what is left after each. */

const PROGRAM = new URL('../../dist/cli.js', import.meta.url).pathname
const BOUND_MS = 30_000
const base = 20_000 + (process.pid % 4_000) * 5
const PORTS = { dhcp: base, pxe: base + 2, tftp: base + 3, http: base + 4, api: base + 5 }
const boot = `http://127.0.0.1:${PORTS.http}`

type Serving = { child: ChildProcess; out: () => string; err: () => string; ended: Promise<number | string> }

function stateDir(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'muster-daemon-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** `before` is what runs the daemon, such as setpriv and its options. */
function serve(
  t: Test,
  state: string,
  flags: readonly string[] = [],
  before: readonly string[] = [],
): Serving {
  const ports = Object.entries(PORTS).map(([name, port]) => `--${name}-port=${port}`)
  const [program = '', ...words] = [...before, process.execPath, PROGRAM, 'serve', '--config=/dev/null']
  const args = [
    ...words,
    '--address=127.0.0.1',
    `--state-dir=${state}`,
    '--no-check-neighbours',
    ...ports,
    ...flags,
  ]
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 2 * BOUND_MS })
  t.teardown(() => child.kill('SIGKILL'))
  let out = ''
  let err = ''
  child.stdout.on('data', data => {
    out += data
  })
  child.stderr.on('data', data => {
    err += data
  })
  const ended = once(child, 'close').then(([code, signal]) => code ?? signal)
  return { child, out: () => out, err: () => err, ended }
}

async function ready(serving: Serving): Promise<void> {
  const end = AbortSignal.timeout(BOUND_MS)
  while (!serving.out().includes('"msg":"ready"')) {
    if (serving.child.exitCode !== null) throw new Error(`ended before it was ready: ${serving.err()}`)
    await once(serving.child.stdout ?? serving.child, 'data', { signal: end })
  }
}

const get = (path: string, token = '') =>
  fetch(boot + path, { headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(BOUND_MS) })

async function tokenOf(mac: string): Promise<string> {
  const script = await (await get(`/boot/script?mac=${mac}&platform=pcbios`)).text()
  return /muster\.token=([0-9a-f]{32})/.exec(script)?.[1] ?? ''
}

async function isClosed(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const refused = await new Promise<boolean>(resolve => {
    socket.once('connect', () => resolve(false)).once('error', () => resolve(true))
  })
  socket.destroy()
  return refused
}

t.test('a signal closes it, even when it comes twice', async t => {
  const state = stateDir(t)
  const daemon = serve(t, state)
  await ready(daemon)
  daemon.child.kill('SIGTERM')
  daemon.child.kill('SIGTERM')
  t.equal(await daemon.ended, 0)
  t.match(daemon.out(), /"msg":"stopped"/)
  t.notOk(existsSync(join(state, 'muster.db-wal')), 'the database is closed')
})

t.test('killed and started again, it knows its machines and their scouts', async t => {
  const state = stateDir(t)
  const first = serve(t, state)
  await ready(first)
  const token = await tokenOf('52-54-00-12-34-56')
  const posted = await fetch(`${boot}/scout/v1/facts`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(FACTS),
  })
  t.equal(posted.status, 200)
  const before = (await posted.json()) as { id: string }
  first.child.kill('SIGKILL')
  t.equal(await first.ended, 'SIGKILL')

  const second = serve(t, state)
  await ready(second)
  t.same(await (await get('/scout/v1/orders?wait=0', token)).json(), { order: 'wait' })
  const script = await (await get('/boot/script?mac=52-54-00-12-34-56')).text()
  t.ok(script.includes(before.id), 'it is the same machine')
  second.child.kill('SIGTERM')
  t.equal(await second.ended, 0)
})

t.test('a port that is taken: one line, and nothing is left open', async t => {
  const other = createSocket('udp4').bind(PORTS.tftp, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const daemon = serve(t, stateDir(t))
  t.equal(await daemon.ended, 1)
  t.match(daemon.err(), /^muster: UDP port \d+ of 127\.0\.0\.1 is taken .* --tftp-port\n$/)
  t.ok(await isClosed(PORTS.http))
  t.notMatch(daemon.out(), /"msg":"ready"/)
})

t.test('no right to open low ports: one line', async t => {
  const without = ['setpriv', '--bounding-set=-net_bind_service', '--inh-caps=-net_bind_service']
  const daemon = serve(t, stateDir(t), ['--tftp-port=69'], without)
  t.equal(await daemon.ended, 1)
  t.match(daemon.err(), /^muster: no right to open UDP port 69 .* --tftp-port\n$/)
})

t.test('a state directory that is read-only: one line', async t => {
  const state = stateDir(t)
  const readOnly = `mount --bind '${state}' '${state}' && mount -o remount,ro,bind '${state}' && exec "$@"`
  const daemon = serve(t, state, [], ['unshare', '--mount', 'sh', '-c', readOnly, 'sh'])
  t.equal(await daemon.ended, 1)
  t.match(daemon.err(), /^muster: .*--state-dir\n$/)
  t.ok(await isClosed(PORTS.http))
})

t.test('a file where the state directory should be: one line', async t => {
  const file = join(stateDir(t), 'file')
  writeFileSync(file, '')
  const daemon = serve(t, file)
  t.equal(await daemon.ended, 1)
  t.match(daemon.err(), /^muster: cannot use the state directory .* --state-dir\n$/)
})

t.test('a dry run finds another boot server on 4011, even one that shares the port', async t => {
  const other = createSocket({ type: 'udp4', reuseAddr: true }).bind(PORTS.pxe, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const daemon = serve(t, stateDir(t), ['--dry-run'])
  t.equal(await daemon.ended, 1)
  t.match(daemon.err(), /^muster: UDP port \d+ of 127\.0\.0\.1 is taken .* --pxe-port\n$/)
})

t.test('the status counts for every part', async t => {
  const state = stateDir(t)
  const daemon = serve(t, state)
  await ready(daemon)
  const authorization = `Bearer ${readFileSync(join(state, 'api-token'), 'utf8').trim()}`
  const status = await fetch(`http://127.0.0.1:${PORTS.api}/api/v1/status`, { headers: { authorization } })
  const counted = { inventory: { sightingsDropped: 0 }, http: {}, api: {}, tftp: {}, dhcp: {} }
  t.match(await status.json(), counted)
})

t.test('a dry run tells the settings and tries the ports', async t => {
  const daemon = serve(t, stateDir(t), ['--dry-run'])
  t.equal(await daemon.ended, 0)
  t.match(daemon.out(), new RegExp(`^tftpPort ${PORTS.tftp}$`, 'm'))
})
