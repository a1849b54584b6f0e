import t from 'tap'
import { type Candidate, electMaster, fateOf, isComing, isMember, judge } from '../../src/core/election.js'
import { type InstanceId, PHASES } from '../../src/core/instance.js'
import { chance } from '../fuzz/random.js'

const id = (text: string) => text as InstanceId
const node = (name: string, cores?: number, memory?: number, serial?: string): Candidate => ({
  ...{ id: id(name), cores, memory, serial },
})

for (const [name, candidates, want] of [
  ['nobody', [], undefined],
  ['the only one, of which nothing is known', [node('a')], 'a'],
  ['fewest cores', [node('a', 4, 1), node('b', 2, 9), node('c', 8, 1)], 'b'],
  ['then least memory', [node('a', 2, 8), node('b', 2, 4), node('c', 4, 1)], 'b'],
  ['then serial', [node('a', 2, 4, 'S9'), node('b', 2, 4, 'S1')], 'b'],
  ['serials are text', [node('a', 2, 4, 'S9'), node('b', 2, 4, 'S10')], 'b'],
  ['upper case first, whatever the locale', [node('a', 2, 4, 'a'), node('b', 2, 4, 'B')], 'b'],
  ['then id', [node('b', 2, 4, 'S1'), node('a', 2, 4, 'S1')], 'a'],
  ['what is not known comes last', [node('a', undefined, 1), node('b', 64, 9)], 'b'],
  ['no serial after one', [node('a', 1, 1), node('b', 1, 1, 'S')], 'b'],
] as [string, Candidate[], string | undefined][])
  t.test(`master: ${name}`, async t => t.equal(electMaster(candidates)?.id, want))

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)

t.test(`master: total, stable and independent of order (SEED=${seed})`, async t => {
  const { below, pick } = chance(seed)
  const some = <V>(values: readonly V[]) => pick([...values, undefined])
  const shuffled = <V>(values: readonly V[]): V[] => {
    const rest = [...values]
    return values.map(() => rest.splice(below(rest.length), 1)[0] as V)
  }
  for (let round = 0; round < 2_000; round++) {
    const nodes = Array.from({ length: 1 + below(6) }, (_, n) =>
      node(`i-${n}`, some([1, 2, 4]), some([1, 2]), some(['A', 'B', 'b'])),
    )
    const master = electMaster(nodes)
    const fault = (what: string) => t.fail(`${what} (round ${round})`, { nodes, master })
    if (!master || !nodes.includes(master)) return fault('one of them is elected')
    if (electMaster(shuffled(nodes)) !== master) return fault('whatever their order')
    const others = nodes.filter(one => one !== master && below(2) === 0)
    if (electMaster([master, ...others]) !== master) return fault('whoever of the others leaves')
    const worse = node('z', (master.cores ?? 99) + 1, 0, '')
    if (master.cores !== undefined && electMaster([worse, ...nodes]) !== master)
      return fault('whoever is stronger comes')
  }
  t.pass('each round')
})

const small = node('small', 1, 1)
const large = node('large', 8, 8)
const pool = (master?: string) => ({ name: 'pool', minNodes: 1, ...(master && { master: id(master) }) })
const coming = [{ name: 'web-2' }]
for (const [name, given, min, members, hopes, want] of [
  ['nobody is there', pool(), 1, [], coming, { kind: 'nobody' }],
  ['its last node went', pool('small'), 1, [], [], { kind: 'nobody' }],
  ['the first node', pool(), 1, [large], [], { kind: 'elect', why: 'the only node' }],
  ['too few', pool(), 3, [small, large], [], { kind: 'wait', why: 'waiting for nodes (2/3)' }],
  ['too few count before those to come', pool(), 3, [small], coming, { why: 'waiting for nodes (1/3)' }],
  ['enough', pool(), 2, [large, small], [], { kind: 'elect', master: small, why: /^first of 2 .*\(1\)/ }],
  ['one is coming', pool(), 1, [large], coming, { kind: 'wait', why: 'waiting for web-2 to be installed' }],
  [
    'many are coming',
    pool(),
    1,
    [large],
    ['e', 'd', 'c', 'b', 'a'].map(name => ({ name })),
    { why: 'waiting for a, b, c and 2 more to be installed' },
  ],
  ['the master lives', pool('large'), 1, [large, small], [], { kind: 'keep' }],
  ['the master lives, and nodes are missing', pool('large'), 5, [large], coming, { kind: 'keep' }],
  ['the master went', pool('gone'), 1, [large, small], [], { kind: 'elect', master: small }],
  ['the master went, and nothing is waited for', pool('gone'), 5, [large], coming, { kind: 'elect' }],
] as const)
  t.test(`judge: ${name}`, async t => t.match(judge(given, min, members, hopes), want))

for (const [name, gone, want] of [
  ['forgotten', undefined, 'the one before is gone'],
  ['failed', { phase: 'failed', group: 'pool', name: 'web' }, 'the one before, web, has failed'],
  ['moved', { phase: 'running', group: 'other', name: 'web' }, 'the one before, web, is in group other now'],
] as const)
  t.test(`fate: ${name}`, async t => t.equal(fateOf(gone, 'pool'), want))

t.test('who is a node, and who will be one', async t => {
  t.same(
    PHASES.filter(phase => isMember({ phase })),
    ['converging', 'running'],
  )
  t.same(
    PHASES.filter(phase => isComing({ phase })),
    ['starting', 'installing', 'installed'],
  )
})
