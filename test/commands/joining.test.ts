import t from 'tap'
import { EXIT } from '../../src/commands/command.js'
import { explainSystem, joinRules } from '../../src/commands/joining.js'
import { golden } from '../golden.js'
import { error } from './fakeApi.js'
import { rack } from './machines.js'
import { runAgainst } from './run.js'

const file = '/etc/muster/join-rules.yaml'
const small = {
  ...{ name: 'small', match: ['cores<=2', 'memory>=4G'], group: 'pool', profile: 'debian-12-image' },
  ...{ maximum: 3, minNodes: 3, user: 'muster', enabled: true, instances: 2 },
}
const lab = {
  ...{ name: 'lab', match: ['tag:rack=lab'], group: 'lab', profile: 'web', user: 'ann', enabled: false },
  ...{ instances: 0, problem: 'there is no profile web: describe-profiles lists them' },
}
const rest = {
  ...{ name: 'rest', match: [], group: 'others', profile: 'debian-12', user: 'muster', enabled: true },
  instances: 1,
}
const view = { file, problems: [], rules: [small, lab, rest] }
const explained = {
  ...{ id: rack.id, name: 'node-1', joins: true },
  why: 'node-1 joins others with debian-12 by the rule rest, as soon as it waits in the scout',
  rules: [
    { name: 'small', verdict: 'unmatched', why: 'cores<=2 does not hold: cores is 16' },
    { name: 'lab', verdict: 'disabled', why: 'is not enabled' },
    { name: 'rest', verdict: 'wins', why: 'matches every machine' },
  ],
}
const answers = {
  'GET /join-rules': [200, view],
  'GET /systems/node-1/explanation': [200, explained],
} as const

for (const [name, what, operands] of [
  ['join-rules', joinRules, {}],
  ['explain-system', explainSystem, { system: ['node-1'] }],
] as const)
  for (const output of ['table', 'text'] as const)
    t.test(`${name} as ${output}`, async t => {
      const ran = await runAgainst(answers, what, operands, { output })
      t.match(ran, { exit: EXIT.ok, stderr: '' })
      golden(t, `test/golden/commands/${name}${output === 'table' ? '' : '-text'}.txt`, ran.stdout)
    })

t.test('as json they are what the API tells', async t => {
  const rules = await runAgainst(answers, joinRules, {}, { output: 'json' })
  t.same(JSON.parse(rules.stdout), view)
  const one = await runAgainst(answers, explainSystem, { system: ['node-1'] }, { output: 'json' })
  t.same(JSON.parse(one.stdout), explained)
})

const broken = { file, rules: [], problems: [`${file}:3: [0].maximun: there is no such field`] }
for (const [name, what, operands, from, want] of [
  [
    'a broken file is told loudly',
    joinRules,
    {},
    { 'GET /join-rules': [200, broken] },
    { exit: EXIT.failed, stdout: '', stderr: /no rule applies: .*:3: \[0\]\.maximun/ },
  ],
  [
    'no rules',
    joinRules,
    {},
    { 'GET /join-rules': [200, { ...view, rules: [] }] },
    { exit: EXIT.ok, stdout: /no join rules in .*waits in the scout/ },
  ],
  [
    'an unknown system',
    explainSystem,
    { system: ['elm'] },
    { 'GET /systems/elm/explanation': [404, error('not-found', 'there is no machine elm')] },
    { exit: EXIT.notFound, stderr: /no machine elm/ },
  ],
] as const)
  t.test(name, async t => t.match(await runAgainst(from, what, operands), want))
