import t from 'tap'
import type { Identity } from '../../src/core/identity.js'
import { isSame, score } from '../../src/core/identity.js'
import type { MachineId, MachineState } from '../../src/core/machine.js'
import { MACHINE_STATES } from '../../src/core/machine.js'
import { judgeFacts, recognise } from '../../src/core/recognise.js'
import type { Mac } from '../../src/wire/mac.js'

const M1 = '52:54:00:00:00:01' as Mac
const M2 = '52:54:00:00:00:02' as Mac
const M3 = '52:54:00:00:00:03' as Mac
const U1 = '01020304-0506-0708-090a-0b0c0d0e0f10'
const U2 = '61020304-0506-0708-090a-0b0c0d0e0f10'

const id = (n: number) => `m-${String(n).padStart(12, '0')}` as MachineId
const record = (n: number, state: MachineState, identity: Identity, day = n) => ({
  id: id(n),
  state,
  firstSeen: new Date(Date.UTC(2026, 0, day + 1)),
  ...identity,
})

const known = record(1, 'local', { macs: [M1], uuid: U1, serial: 'S-1001', boardSerial: 'B-1001' })
const packet = record(2, 'seen', { macs: [M2] })
const other = record(3, 'discovered', { macs: [M3], uuid: U2, serial: 'S-3003', boardSerial: 'B-3003' })

for (const [name, candidates, claim, same, folded, suspects] of [
  ['nobody', [], { macs: [M1] }, undefined, [], []],
  ['its MAC', [known, other], { macs: [M1] }, 1, [], []],
  [
    'a packet’s record turns out to be the known machine',
    [packet, known],
    { macs: [M2], uuid: U1, serial: 'S-1001' },
    1,
    [2],
    [],
  ],
  ['a UUID alone gives no state', [packet, known], { macs: [M2], uuid: U1 }, 2, [], [1]],
  [
    'a new record where a card was moved',
    [known],
    { macs: [M1], uuid: U2, serial: 'S-2002' },
    undefined,
    [],
    [1],
  ],
  ['the moved card’s new owner', [known, other], { macs: [M1], uuid: U2, serial: 'S-3003' }, 3, [], [1]],
  [
    'an observed record that speaks against it is not folded',
    [record(2, 'seen', { macs: [M2], uuid: U2 }), known],
    { macs: [M2], uuid: U1, serial: 'S-1001' },
    1,
    [],
    [2],
  ],
  ['two packets’ records', [packet, record(4, 'seen', { macs: [M2] })], { macs: [M2] }, 2, [4], []],
] as const)
  t.test(`iPXE: ${name}`, async t => {
    const found = recognise(candidates, claim)
    t.equal(found.same?.id, same && id(same))
    t.same(
      found.fold.map(one => one.id),
      folded.map(id),
    )
    t.same(
      found.suspects.map(one => one.id),
      suspects.map(id),
    )
  })

const facts1: Identity = { macs: [M1], uuid: U1, serial: 'S-1001', boardSerial: 'B-1001' }
for (const [name, own, before, claim, candidates, want, folded] of [
  ['its own', known, facts1, facts1, [known, other], 'own', []],
  ['the first ones', packet, undefined, { macs: [M2] }, [packet], 'own', []],
  [
    'its second NIC was a packet’s record',
    known,
    facts1,
    { ...facts1, macs: [M1, M2] },
    [known, packet],
    'own',
    [2],
  ],
  [
    'a new NIC booted; the old one is still there',
    packet,
    undefined,
    { ...facts1, macs: [M2, M1] },
    [packet, known],
    'known',
    [2],
  ],
  [
    'one MAC alone folds nothing',
    packet,
    undefined,
    { macs: [M2, M1] },
    [packet, record(1, 'local', { macs: [M1] })],
    'own',
    [],
  ],
  [
    'another machine’s with its own MAC added',
    other,
    { macs: [M3], uuid: U2 },
    { ...facts1, macs: [M3, M1] },
    [other, known],
    'forbidden',
    [],
  ],
  [
    'a newcomer with a UUID of its own posts a known machine’s',
    record(2, 'seen', { macs: [M2], uuid: U2, serial: 'S-2002' }),
    undefined,
    { ...facts1, macs: [M2, M1] },
    [packet, known],
    'forbidden',
    [],
  ],
  [
    'C6100: taken for its neighbour until the board tells',
    record(1, 'discovered', { macs: [M2, M1], uuid: U1, serial: 'CH-77', boardSerial: 'B-1001' }),
    { macs: [M1], uuid: U1, serial: 'CH-77', boardSerial: 'B-1001' },
    { macs: [M2], uuid: U1, serial: 'CH-77', boardSerial: 'B-2002' },
    [],
    'new',
    [],
  ],
  [
    'a swapped main board',
    { ...known, macs: [M2, M1] },
    { ...facts1, macs: [M1, M2] },
    { macs: [M3, M2], uuid: U2, serial: 'S-1001', boardSerial: 'B-9' },
    [],
    'own',
    [],
  ],
] as const)
  t.test(`facts: ${name}`, async t => {
    const verdict = judgeFacts(own, before, claim, candidates)
    t.equal(verdict.is, want)
    t.same('fold' in verdict ? verdict.fold.map(one => one.id) : [], folded.map(id))
  })

/** mulberry32: numbers that the printed seed repeats. */
function numbers(seed: number) {
  let state = seed
  return (below: number) => {
    state = (state + 0x6d2b79f5) | 0
    let n = Math.imul(state ^ (state >>> 15), 1 | state)
    n = (n + Math.imul(n ^ (n >>> 7), 61 | n)) ^ n
    return ((n ^ (n >>> 14)) >>> 0) % below
  }
}

t.test('whatever machines there are', async t => {
  const seed = Number(process.env.MUSTER_TEST_SEED ?? Date.now() % 2 ** 31)
  t.comment(`MUSTER_TEST_SEED=${seed}`)
  const below = numbers(seed)
  const pick = <T>(values: readonly T[]): T => values[below(values.length)] as T
  const identity = (): Identity => ({
    macs: Array.from({ length: below(3) }, () =>
      pick([M1, M2, M3, '00:e0:4c:53:44:58' as Mac, 'ff:ff:ff:ff:ff:ff' as Mac]),
    ),
    ...pick([{}, { uuid: U1 }, { uuid: U2 }, { uuid: '03000200-0400-0500-0006-000700080009' }]),
    ...pick([{}, { serial: 'S-1001' }, { serial: 'S-2002' }, { serial: 'Default string' }]),
    ...pick([{}, { boardSerial: 'B-1001' }, { boardSerial: 'B-2002' }]),
    ...pick([{}, { chassisSerial: 'CH-77' }]),
  })
  const shuffle = <T>(values: readonly T[]) =>
    values
      .map(value => ({ value, key: below(1e9) }))
      .sort((a, b) => a.key - b.key)
      .map(({ value }) => value)

  let failed = ''
  for (let round = 0; round < 3_000 && !failed; round++) {
    const claim = identity()
    const candidates = Array.from({ length: below(6) }, (_, n) =>
      record(n, pick(MACHINE_STATES), identity(), below(3)),
    )
    const found = recognise(candidates, claim)
    const again = recognise(shuffle(candidates), claim)
    const own = candidates[0]
    if (found.same?.id !== again.same?.id) failed = 'the order of the candidates matters'
    if (String(found.fold.map(c => c.id).sort()) !== String(again.fold.map(c => c.id).sort()))
      failed = 'folds by order'
    if (found.same && !isSame(found.same, claim)) failed = 'a state is given without a strong match'
    if (found.fold.some(one => one.state !== 'seen' || one === found.same))
      failed = 'folds a record with a state'
    if (
      found.same &&
      found.same.state === 'seen' &&
      candidates.some(c => c.state !== 'seen' && isSame(c, claim))
    )
      failed = 'a machine with a history is passed over'
    if (score(claim, own ?? claim).score !== score(own ?? claim, claim).score)
      failed = 'the score is not symmetric'
    if (own) {
      const verdict = judgeFacts(own, below(2) ? identity() : undefined, claim, candidates)
      if (verdict.is === 'known' && (own.state !== 'seen' || !isSame(verdict.machine, claim)))
        failed = 'facts move a machine that has a state, or go to one that does not match'
      if ('fold' in verdict && verdict.fold.some(one => one.state !== 'seen'))
        failed = 'facts fold a state away'
    }
    if (failed) t.comment(JSON.stringify({ round, claim, candidates }))
  }
  t.equal(failed, '', `seed ${seed}`)
})
