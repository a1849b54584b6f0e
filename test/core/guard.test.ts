import t from 'tap'
import {
  createGuard,
  type Guard,
  LOOP_ROUNDS,
  LOOP_SILENCE,
  LOOP_WINDOW,
  RATE_WINDOW,
  TRIES_PER_PROGRAM,
} from '../../src/core/guard.js'
import type { Mac } from '../../src/wire/mac.js'

const A = '52:54:00:00:00:01' as Mac
const B = '52:54:00:00:00:02' as Mac

type Packet = { mac?: Mac; xid?: number; ipxe?: boolean; discover?: boolean; offered?: string }
const admit = (guard: Guard, now: number, o: Packet = {}) =>
  guard.admit({ mac: A, xid: 1, ipxe: false, discover: true, offered: 'x', ...o }, now)

t.test('the rate is per machine and window', async t => {
  const guard = createGuard({ ratePerMac: 2 })
  for (const now of [0, 1]) t.equal(admit(guard, now).kind, 'go')
  t.match(admit(guard, 2), { reason: 'rate-limited', first: true })
  t.match(admit(guard, 3), { reason: 'rate-limited', first: false })
  t.equal(admit(guard, 3, { mac: B }).kind, 'go')
  t.equal(admit(guard, RATE_WINDOW).kind, 'go')
})

t.test('the same answer within a window is a repetition', async t => {
  const guard = createGuard({ ratePerMac: 9 })
  const repeats = [
    admit(guard, 0),
    admit(guard, 1),
    admit(guard, 2, { offered: 'y' }),
    admit(guard, RATE_WINDOW, { offered: 'y' }),
  ]
  t.match(repeats, [{ repeat: false }, { repeat: true }, { repeat: false }, { repeat: false }])
})

t.test('a clock that is set back does not silence anybody', async t => {
  const guard = createGuard({ ratePerMac: 1 })
  t.equal(admit(guard, 1_000_000).kind, 'go')
  t.equal(admit(guard, 0).kind, 'go')
})

const loop = (guard: Guard, from: number) => {
  for (let round = 1; round <= LOOP_ROUNDS; round++) admit(guard, from, { ipxe: true, xid: from + round })
  return admit(guard, from, { ipxe: true, xid: from })
}

t.test('iPXE that goes round in circles is told once, is met with silence, then recovers', async t => {
  const guard = createGuard({ ratePerMac: 99 })
  t.match(loop(guard, 1000), { reason: 'boot-loop', first: true })
  t.match(admit(guard, 1001, { ipxe: true, xid: 7 }), { reason: 'boot-loop', first: false })
  t.equal(admit(guard, 1000 + LOOP_SILENCE, { ipxe: true, xid: 8 }).kind, 'go')
  t.match(loop(guard, 9_000_000), { reason: 'boot-loop', first: true }, 'and is caught again')
})

t.test('no loop: retransmissions, requests on 4011, rounds far apart', async t => {
  for (const [name, packet, step] of [
    ['one xid', () => ({ ipxe: true, xid: 5 }), 100],
    ['4011', (xid: number) => ({ ipxe: true, xid, discover: false }), 100],
    ['far apart', (xid: number) => ({ ipxe: true, xid }), LOOP_WINDOW / LOOP_ROUNDS + 1],
    ['firmware, not iPXE', (xid: number) => ({ xid }), 100],
  ] as const) {
    const guard = createGuard({ ratePerMac: 999 })
    for (let i = 0; i < 20; i++) t.equal(admit(guard, i * step, packet(i)).kind, 'go', name)
  }
})

t.test('firmware that never becomes iPXE has failed its program after some tries', async t => {
  const guard = createGuard({ ratePerMac: 99 })
  const failed = []
  for (let i = 0; i < 2 * TRIES_PER_PROGRAM; i++) {
    failed.push(guard.failedPrograms(A))
    admit(guard, i * 30_000, { xid: i })
    admit(guard, i * 30_000 + 4000, { xid: i }) // sent again: the same try
  }
  t.same([...failed, guard.failedPrograms(A)], [0, 0, 0, 1, 1, 1, 2])
  t.equal(guard.failedPrograms(B), 0)
})

t.test('a program that iPXE came from, or that was not disproved in one go, stays', async t => {
  const guard = createGuard({ ratePerMac: 99 })
  for (let xid = 0; xid < TRIES_PER_PROGRAM + 1; xid++) admit(guard, xid, { xid })
  admit(guard, 10, { xid: 100, ipxe: true })
  for (let day = 1; day < 10; day++) {
    admit(guard, day * 86_400_000, { xid: 200 + day })
    t.equal(guard.failedPrograms(A), 1)
  }
})

t.test('memory is bounded: who was quiet for longest is forgotten', async t => {
  const guard = createGuard({ ratePerMac: 1, maxMacs: 100 })
  const mac = (i: number) => `02:00:00:00:${(i >> 8).toString(16)}:${(i & 255).toString(16)}` as Mac
  for (let i = 0; i < 1000; i++) admit(guard, i, { mac: mac(i) })
  t.equal(guard.size(), 100)
  t.equal(admit(guard, 1000, { mac: mac(999) }).kind, 'silence', 'the newest are remembered')
  t.equal(admit(guard, 1000, { mac: mac(0) }).kind, 'go')
})

t.test('news are told once a window', async t => {
  const guard = createGuard({ ratePerMac: 1 })
  t.same(
    [0, 1, RATE_WINDOW].map(now => guard.isNews(A, 'odd', now)),
    [true, false, true],
  )
})
