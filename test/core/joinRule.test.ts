import { randomInt } from 'node:crypto'
import t from 'tap'
import { matches, systemFields } from '../../src/core/filter.js'
import type { InstanceId, ReservationId } from '../../src/core/instance.js'
import { type JoinRule, judge, minNodesIn, whyNotJoin, winnerOf } from '../../src/core/joinRule.js'
import { joinRulesSchema } from '../../src/core/joinRuleSchema.js'
import type { Machine } from '../../src/core/machine.js'
import { chance } from '../fuzz/random.js'
import { machine } from '../support/inventory.js'

const GIB = 2 ** 30

type Written = { name: string; match?: string[]; [field: string]: unknown }
const rules = (...written: Written[]): readonly JoinRule[] =>
  joinRulesSchema.parse(written.map(rule => ({ match: [], group: 'pool', profile: 'debian-12', ...rule })))

const box = (some: Partial<Machine> = {}) =>
  machine({
    state: 'discovered',
    cores: 2,
    memory: 8 * GIB,
    disks: [{ name: 'sda', size: 480e9 }],
    vendor: 'Dell Inc.',
    tags: { rack: '2' },
    ...some,
  })
const fieldsOf = (m: Machine) => systemFields(m, { tags: m.tags })

const told = (written: readonly JoinRule[], m: Machine, live: Record<string, number> = {}) =>
  judge(written, fieldsOf(m), new Map(Object.entries(live))).map(({ rule, is, why }) => [rule.name, is, why])

const ALL = { name: 'all' }
const SMALL = { name: 'small', match: ['cores<=2', 'memory<=8G'] }

for (const [name, written, some, live, want] of [
  ['no rules', [], {}, {}, []],
  ['every machine', [ALL], {}, {}, [['all', 'wins', 'matches every machine']]],
  ['all filters hold', [SMALL], {}, {}, [['small', 'wins', 'matches, and comes first']]],
  [
    'the first of two',
    [SMALL, ALL],
    {},
    {},
    [
      ['small', 'wins', 'matches, and comes first'],
      ['all', 'behind', 'matches, but small comes first'],
    ],
  ],
  [
    'the first that is not full',
    [{ ...SMALL, maximum: 3 }, ALL],
    {},
    { small: 3 },
    [
      ['small', 'full', 'matches, but has 3 of at most 3 instances'],
      ['all', 'wins', 'matches every machine'],
    ],
  ],
  ['room for one more', [{ ...ALL, maximum: 3 }], {}, { all: 2 }, [['all', 'wins', /./]]],
  ["another rule's instances", [{ ...ALL, maximum: 1 }], {}, { small: 9 }, [['all', 'wins', /./]]],
  [
    'the first that is enabled',
    [{ ...ALL, enabled: false }, SMALL],
    {},
    {},
    [
      ['all', 'disabled', 'is not enabled'],
      ['small', 'wins', 'matches, and comes first'],
    ],
  ],
  [
    'each filter that does not hold is told',
    [{ name: 'big', match: ['cores>=4', 'memory>=16G', 'disk>=1T', 'vendor~dell', 'tag:rack=3'] }],
    {},
    {},
    [
      [
        'big',
        'unmatched',
        'cores>=4 does not hold: cores is 2; memory>=16G does not hold: memory is 8 GiB; ' +
          'disk>=1T does not hold: disk is 480 GB; tag:rack=3 does not hold: tag:rack is 2',
      ],
    ],
  ],
  [
    'what is not known does not match',
    [{ name: 'hp', match: ['product~elite'] }],
    {},
    {},
    [['hp', 'unmatched', 'product~elite does not hold: product is not known']],
  ],
  [
    'full and unmatched: unmatched',
    [{ name: 'big', match: ['cores>=4'], maximum: 1 }],
    {},
    { big: 1 },
    [['big', 'unmatched', /cores is 2/]],
  ],
] as const)
  t.test(`judge: ${name}`, async t =>
    t.match(told(rules(...(written as unknown as Written[])), box(some), live), want),
  )

const instance = { id: 'i-000000000001' as InstanceId, installed: false }
const hold = { reservation: 'r-000000000001' as ReservationId, user: 'ann' }
for (const [name, some, want] of [
  ['a free one', {}, undefined],
  ['protected', { state: 'protected' }, 'is protected: unprotect-system first'],
  ['on its own disk', { state: 'local' }, 'boots its own disk: enable-netboot first'],
  ['only seen', { state: 'seen' }, /^is not discovered yet/],
  ['held', { hold }, 'is reserved for ann'],
  [
    'with an instance',
    { hold, instance: { ...instance, phase: 'failed' } },
    'carries i-000000000001, which is failed',
  ],
  ['at rest', { rests: true }, /^rests since .*allow-join/],
  ['protected and with an instance', { state: 'protected', hold }, /protected/],
] as const)
  t.test(`may join: ${name}`, async t => t.match(whyNotJoin(box(some)), want))

for (const [name, written, group, want] of [
  ['without rules', [], 'pool', 1],
  ['the most of a group', [ALL, { ...SMALL, 'min-nodes': 3 }], 'pool', 3],
  ['not of another group', [{ ...ALL, 'min-nodes': 3 }], 'other', 1],
  ['not of one that is disabled', [{ ...ALL, 'min-nodes': 3, enabled: false }], 'pool', 1],
] as const)
  t.test(`minimum of nodes: ${name}`, async t =>
    t.equal(minNodesIn(rules(...(written as unknown as Written[])), group), want),
  )

t.test('whatever the rules and machines are', async t => {
  const seed = Number(process.env.SEED ?? randomInt(2 ** 31))
  t.comment(`SEED=${seed} repeats this`)
  const { below, pick } = chance(seed)
  const FILTERS = [
    'cores>=2',
    'cores<=2',
    'memory>=8G',
    'vendor~dell',
    'tag:rack=2',
    'tag:rack!=2',
    'disk>1T',
  ]
  const wrong: unknown[] = []
  for (let round = 0; round < 500; round++) {
    const written = rules(
      ...Array.from({ length: below(5) }, (_, n) => ({
        name: `rule-${n}`,
        match: Array.from({ length: below(3) }, () => pick(FILTERS)),
        enabled: below(4) > 0,
        ...(below(2) > 0 && { maximum: 1 + below(3) }),
      })),
    )
    const live = new Map(written.map(({ name }) => [name, below(4)]))
    const fields = fieldsOf(box({ cores: 1 + below(3), tags: { rack: String(below(4)) } }))
    const judged = judge(written, fields, live)
    const mayWin = written.filter(
      ({ name, enabled, match, maximum = Number.POSITIVE_INFINITY }) =>
        enabled &&
        matches(
          match.map(({ filter }) => filter),
          fields,
        ) &&
        (live.get(name) ?? 0) < maximum,
    )
    if (winnerOf(judged) !== mayWin[0] || judged.some(({ rule }, n) => rule !== written[n]))
      wrong.push({ judged, mayWin })
  }
  t.same(wrong.slice(0, 1), [])
})
