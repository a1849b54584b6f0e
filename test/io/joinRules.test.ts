import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { judgeRules, openJoinRules } from '../../src/io/joinRules.js'

const FULL = `
- name: small
  match: [cores<=2, "memory>=4G", tag:rack=2, vendor=Dell Inc.]
  group: pool
  profile: debian-12-image
  maximum: 3
  min-nodes: 2
  user: ann
  enabled: false
- name: rest
  match: []
  group: others
  profile: debian-12
`

t.test('every field, and the defaults', async t => {
  const { rules, problems } = judgeRules('r.yaml', FULL)
  t.same(problems, [])
  const [small, rest] = rules
  t.same(
    small?.match.map(({ text }) => text),
    ['cores<=2', 'memory>=4G', 'tag:rack=2', 'vendor=Dell Inc.'],
  )
  t.match(small, { maximum: 3, minNodes: 2, user: 'ann', enabled: false, group: 'pool' })
  t.same(rest, {
    ...{ name: 'rest', match: [], group: 'others', profile: 'debian-12', user: 'muster', enabled: true },
  })
})

const RULE = '- name: a\n  match: []\n  group: pool\n  profile: debian-12\n'
for (const [name, text, want] of [
  ['an empty file', '', []],
  ['only comments', '# none yet\n', []],
  ['an empty list', '[]\n', []],
  ['a map', 'name: a\n', ['r.yaml:1: must be a list of rules, each beginning with "- name:"']],
  ['no YAML', '- name: [\n', [/^r\.yaml:2: /]],
  ['a rule that is none', '- a\n', ['r.yaml:1: [0]: must be a map']],
  [
    'what is missing',
    '\n- enabled: true\n',
    [
      /^r\.yaml:2: \[0\]\.name: is missing: it must be lower-case/,
      'r.yaml:2: [0].match: is missing: it must be a list of filters; [] matches every machine',
      /group: is missing/,
      /profile: is missing/,
    ],
  ],
  [
    'an unknown field',
    `${RULE}  maximun: 3\n`,
    ['r.yaml:5: [0].maximun: there is no such field (did you mean maximum?)'],
  ],
  [
    'a filter of an unknown field',
    RULE.replace('[]', '\n    - cores>=2\n    - colour=red'),
    [/^r\.yaml:4: \[0\]\.match\[1\]: filter "colour=red": there is no field "colour".*possible: name, id/],
  ],
  [
    'a filter that is a map',
    RULE.replace('[]', '[cores: 2]'),
    [/^r\.yaml:2: \[0\]\.match\[0\]: must be FIELD/],
  ],
  ['one filter without a list', RULE.replace('[]', 'cores>=2'), [/^r\.yaml:2: \[0\]\.match: must be a list/]],
  [
    'a group that is none',
    RULE.replace('pool', 'My Pool'),
    [/^r\.yaml:3: \[0\]\.group: "My Pool" cannot be/],
  ],
  ['a profile that is none', RULE.replace('debian-12', '../x'), [/^r\.yaml:4: \[0\]\.profile: must be/]],
  ['a user of two words', `${RULE}  user: a b\n`, [/^r\.yaml:5: \[0\]\.user: a user is one word/]],
  ['no room at all', `${RULE}  maximum: 0\n`, [/^r\.yaml:5: \[0\]\.maximum: must be a whole number from 1/]],
  ['half a node', `${RULE}  min-nodes: 1.5\n`, [/^r\.yaml:5: \[0\]\.min-nodes: must be a whole number/]],
  ['enabled perhaps', `${RULE}  enabled: perhaps\n`, ['r.yaml:5: [0].enabled: must be true or false']],
  ['two of one name', RULE + RULE, ['r.yaml:5: [1].name: there are two rules called a']],
  [
    'several mistakes at once',
    `${RULE}  maximum: x\n${RULE.replace('name: a', 'name: B')}`,
    [/^r\.yaml:5: /, /^r\.yaml:6: /],
  ],
] as const)
  t.test(name, async t => {
    const { rules, problems } = judgeRules('r.yaml', text)
    t.equal(problems.length, want.length)
    t.match(problems, want)
    t.same(rules, [], 'none of them applies')
  })

function owning(t: Test) {
  const file = join(t.testdir(), 'join-rules.yaml')
  const lines: [string, ...unknown[]][] = []
  const log = {
    info: (...words: unknown[]) => lines.push(['info', ...words]),
    error: (...words: unknown[]) => lines.push(['error', ...words]),
  }
  return { file, lines, rules: openJoinRules(file, log) }
}

t.test('an absent file means no rules', async t => {
  const { rules, lines } = owning(t)
  t.match(await rules.current(), { rules: [], problems: [] })
  t.notMatch(lines, [['error']])
})

t.test('a changed file is read again, and only then', async t => {
  const { file, rules, lines } = owning(t)
  writeFileSync(file, RULE)
  const first = await rules.current()
  t.match(first.rules, [{ name: 'a' }])
  t.equal(await rules.current(), first, 'the same value')
  t.equal(rules.last(), first)
  t.equal(lines.length, 1, 'told once')

  writeFileSync(`${file}.new`, `${RULE}  maximum: none\n`)
  renameSync(`${file}.new`, file) // as editors do
  t.match(await rules.current(), { rules: [], problems: [/:5: \[0\]\.maximum/] })
  await rules.current()
  t.match(lines.slice(1), [['error', { problems: [/maximum/] }, /NO JOIN RULE APPLIES/]])
  t.equal(lines.length, 2, 'told once')

  rmSync(file)
  t.match(await rules.current(), { rules: [], problems: [] })
})

t.test('a file that cannot be read is broken', async t => {
  const log = { info() {}, error() {} }
  t.match(await openJoinRules(t.testdir(), log).current(), { rules: [], problems: [/EISDIR/] })
})
