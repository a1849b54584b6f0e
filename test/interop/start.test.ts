import { spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'

/** What `npm start` refuses, each in one line and before anything takes long. */

const ROOT = new URL('../..', import.meta.url).pathname
const base = 20_000 + (process.pid % 2_000) * 6 // below those of outgoing connections
const PORTS = { dhcp: base, pxe: base + 2, tftp: base + 3, http: base + 4, api: base + 5 }
const FLAGS = [
  '--config=/dev/null',
  '--address=127.0.0.1',
  ...Object.entries(PORTS).map(([name, port]) => `--${name}-port=${port}`),
]

function folder(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'muster-start-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  return dir
}

const start = (state: string, before: readonly string[] = []) => {
  const [program = '', ...words] = [...before, 'bash', 'scripts/start', `--state-dir=${state}`, ...FLAGS]
  return spawnSync(program, words, { cwd: ROOT, encoding: 'utf8', timeout: 60_000 })
}

t.test('without root', async t => {
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
  const { status, stderr } = start(folder(t), nobody)
  t.match([status, stderr], [1, /^muster: npm start needs root: run it with sudo\n$/])
})

t.test('a port that is taken', async t => {
  const other = createSocket('udp4').bind(PORTS.dhcp, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const { status, stderr } = start(folder(t))
  t.match([status, stderr], [1, /^muster: UDP port \d+ of 0\.0\.0\.0 is taken .* --dhcp-port\n$/])
})

t.test('a state directory that is somebody else’s stays as it is', async t => {
  const state = folder(t)
  writeFileSync(join(state, 'thesis.tex'), '')
  const before = statSync(state)
  const { status, stderr } = start(state)
  t.match([status, stderr], [1, /^muster: .* holds other things .* --state-dir\n$/])
  t.same(readdirSync(state), ['thesis.tex'])
  t.match(statSync(state), { mode: before.mode, uid: before.uid })
})
