import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { InstanceView, ReservationView } from '../../src/core/instanceView.js'
import { createMachine, type Machine, type Room } from '../dev/machine.js'
import { ROOM } from '../dev/machines.js'
import { pretendSupplies } from '../dev/supplies.js'

/**
 * The real daemon and the real commands, with machines that only speak HTTP: from run-instances to running and back, with
 * the daemon killed before and after each call of a machine.
 */

const PROGRAM = new URL('../../dist/cli.js', import.meta.url).pathname
const BOUND_MS = 60_000
const STEP_MS = 20
const base = 10_000 + (process.pid % 1_500) * 6 // below the ports that outgoing connections take
const PORTS = { dhcp: base, pxe: base + 2, tftp: base + 3, http: base + 4, api: base + 5 }
const URL_OF = { boot: `http://127.0.0.1:${PORTS.http}`, api: `http://127.0.0.1:${PORTS.api}` }

async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (const end = Date.now() + BOUND_MS; Date.now() < end; await pause(STEP_MS)) {
    const found = await look()
    if (found) return found
  }
  throw new Error(`not within ${BOUND_MS / 1000} s: ${what}`)
}

async function startDaemon(t: Test) {
  const state = mkdtempSync(join(tmpdir(), 'muster-instances-'))
  t.teardown(() => rmSync(state, { recursive: true, force: true }))
  await pretendSupplies(state, new Date())
  const ports = Object.entries(PORTS).map(([name, port]) => `--${name}-port=${port}`)
  const fixed = [
    '--config=/dev/null',
    '--address=127.0.0.1',
    '--no-check-neighbours',
    '--log-level=debug',
    '--roles=',
  ]
  const own = [`--state-dir=${state}`, `--authorized-keys=${state}/authorized_keys`]
  const args = [PROGRAM, 'serve', ...fixed, ...own, ...ports]
  let child: ChildProcess | undefined
  let log = ''

  async function start() {
    const started = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    child = started
    let out = ''
    started.stdout.on('data', data => {
      out += data
      log += data
    })
    await until('the daemon is ready', () => {
      if (started.exitCode !== null) throw new Error(`the daemon ended: ${out}`)
      return out.includes('"msg":"ready"')
    })
  }
  async function kill() {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const closed = once(child, 'close')
    child.kill('SIGKILL')
    await closed
  }
  t.teardown(kill)
  await start()

  /** A command as it is typed; `status` is its exit code. */
  async function muster(...words: string[]) {
    const where = [`--server=${URL_OF.api}`, `--state-dir=${state}`]
    const command = spawn(process.execPath, [PROGRAM, ...words, ...where], { timeout: BOUND_MS })
    let out = ''
    for (const stream of [command.stdout, command.stderr])
      stream.on('data', data => {
        out += data
      })
    const [status] = await once(command, 'close')
    return { status, out }
  }
  async function api<T>(path: string, body?: object): Promise<T> {
    const authorization = `Bearer ${readFileSync(join(state, 'api-token'), 'utf8').trim()}`
    const headers = { authorization, 'content-type': 'application/json' }
    const sent = body ? { method: 'POST', body: JSON.stringify(body) } : {}
    const response = await fetch(`${URL_OF.api}/api/v1/${path}`, {
      ...sent,
      headers,
      signal: AbortSignal.timeout(10_000),
    })
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
    return (await response.json()) as T
  }
  const all = async (): Promise<InstanceView[]> =>
    (await api<ReservationView[]>('instances')).flatMap(({ instances }) => instances)
  const restart = async () => {
    await kill()
    await start()
  }
  return { muster, api, all, restart, log: () => log }
}

type Daemon = Awaited<ReturnType<typeof startDaemon>>

/** Machines of the group `pool`, in the scout. */
async function powerOn(t: Test, daemon: Daemon, count: number, more: Partial<Room> = {}): Promise<Machine[]> {
  const closing = new AbortController()
  t.teardown(() => closing.abort())
  const room: Room = {
    url: URL_OF.boot,
    stepMs: STEP_MS,
    closed: closing.signal,
    log: () => {},
    onKnown: async (_, name) => {
      const { status, out } = await daemon.muster('set-group', 'pool', name)
      if (status !== 0) throw new Error(out)
    },
    ...more,
  }
  const specs = ROOM.filter(({ group }) => group === 'pool').slice(0, count)
  const machines = specs.map(spec => createMachine(spec, room))
  for (const machine of machines) void machine.live()
  await until('the machines wait', () => machines.every(({ does }) => does === 'waits in the scout'))
  return machines
}

t.test('from run-instances to running, and back, and again', async t => {
  const daemon = await startDaemon(t)
  const machines = await powerOn(t, daemon, 2)
  const run = ['run-instances', '-g', 'pool', '-p', 'debian-12-image', '-u', 'demo']

  const dry = await daemon.muster(...run, '-n', '2', '--dry-run')
  t.equal(dry.status, 0, dry.out)
  t.same(await daemon.all(), [], 'a dry run takes nothing')

  const first = await daemon.muster(...run, '-n', '2', '--wait')
  t.equal(first.status, 0, first.out)
  t.same(
    (await daemon.all()).map(({ state }) => state),
    ['running', 'running'],
  )
  t.match((await daemon.all())[0], {
    address: '127.0.0.1',
    hostName: /^node-1e400/,
    hostKeys: [/^ssh-ed25519 /],
  })
  t.same(
    machines.map(({ writes }) => writes),
    [1, 1],
    'each disk was written once',
  )

  const more = await daemon.muster(...run, '-n', '1')
  t.not(more.status, 0)
  t.match(more.out, 'not enough resources: asked 1, free 0 (2 in use)')

  const ending = await daemon.muster('terminate-instances', '-u', 'demo', '--wipe', 'quick')
  t.equal(ending.status, 0, ending.out)
  for (const machine of machines) machine.reset() // nobody listens for SSH there
  await until('both are free', async () => (await daemon.all()).every(({ state }) => state === 'terminated'))
  t.same(
    machines.map(({ wipes }) => wipes),
    [1, 1],
    'each disk was wiped once',
  )

  const second = await daemon.muster(...run, '-n', '2', '--wait')
  t.equal(second.status, 0, second.out)
  t.same(
    machines.map(({ writes }) => writes),
    [2, 2],
  )
  t.notMatch(daemon.log(), /\/install\/v1\/[0-9a-f]{32}/, 'no token is logged')
})

for (const profile of ['debian-12', 'rocky-9'])
  t.test(`${profile}, by an installer of its own`, async t => {
    const daemon = await startDaemon(t)
    const [machine] = await powerOn(t, daemon, 1)
    const { status, out } = await daemon.muster('run-instances', '-p', profile, '-u', 'demo', '--wait')
    t.equal(status, 0, out)
    t.match(await daemon.all(), [{ state: 'running', attempts: 1 }])
    t.equal(machine?.writes, 1)
  })

/** Every call from the hand-out on, in order: its answer is lost. Then those that must not be lost on the way there. */
const LOST = [
  'scout/orders',
  'install/plan',
  'install/report started',
  'boot/root.tar.zst',
  'install/report progress',
  'install/log',
  'install/finish',
  'install/report installed',
  'boot/script',
  'install/phone-home',
]
const UNHEARD = ['install/report started', 'install/report installed', 'install/phone-home']
const MOMENTS = [
  ...LOST.map(call => ['after', call] as const),
  ...UNHEARD.map(call => ['before', call] as const),
]

t.test('the daemon is killed around each call of an install', async t => {
  const daemon = await startDaemon(t)
  let aim: { when: string; call: string } | undefined
  let handedOut = false
  const [machine] = await powerOn(t, daemon, 1, {
    async interfere(when, call) {
      if (call === 'install/plan') handedOut = true
      const early = call === 'boot/script' && !handedOut
      if (!aim || early || when !== aim.when || call !== aim.call) return false
      aim = undefined
      await daemon.restart()
      return when === 'after'
    },
  })
  if (!machine) throw new Error('no machine')

  for (const [when, call] of MOMENTS)
    await t.test(`${when} ${call}`, async t => {
      const before = machine.writes
      handedOut = false
      aim = { when, call }
      const run = {
        user: 'demo',
        profile: 'debian-12-image',
        clientToken: `${when}-${call.replace(/\W/g, '-')}`,
      }
      await until('it is taken', () => daemon.api('instances', run).catch(() => undefined))
      const running = await until('it runs', async () =>
        (await daemon.all().catch(() => [])).find(({ state }) => state === 'running' || state === 'failed'),
      )
      t.match(running, { state: 'running', attempts: 1 })
      t.equal(aim, undefined, 'it was killed')
      t.equal(machine.writes - before, 1, 'the disk was written once')

      await daemon.api('instances/terminate', { user: 'demo', wipe: 'quick' })
      machine.reset()
      await until('it is free', async () => (await daemon.all()).every(({ state }) => state === 'terminated'))
      await until('it waits', () => machine.does === 'waits in the scout' || machine.does === 'is told: wipe')
    })
})

t.test('a power cut in the middle starts over; too many of them end it', async t => {
  const daemon = await startDaemon(t)
  let cuts = 1
  const [machine] = await powerOn(t, daemon, 1, {
    async interfere(when, call) {
      if (when === 'before' && call === 'install/finish' && cuts-- > 0) machine?.reset()
      return false
    },
  })
  const first = await daemon.muster('run-instances', '-p', 'debian-12-image', '-u', 'demo', '--wait')
  t.equal(first.status, 0, first.out)
  t.match(await daemon.all(), [{ state: 'running', attempts: 2 }])
  t.equal(machine?.writes, 2)

  await daemon.api('instances/terminate', { user: 'demo' })
  machine?.reset()
  await until('it is free', async () => (await daemon.all()).every(({ state }) => state === 'terminated'))
  cuts = 99
  const second = await daemon.muster('run-instances', '-p', 'debian-12-image', '-u', 'demo', '--wait')
  t.not(second.status, 0)
  t.match(second.out, /started 3 times and never ended/)
  await until('it waits', () => machine?.does === 'waits in the scout')
  t.equal(machine?.writes, 5)
  await pause(10 * STEP_MS)
  t.equal(machine?.does, 'waits in the scout', 'and is not installed again by itself')
})
