import { readFileSync } from 'node:fs'
import t from 'tap'
import { RULE_FIELDS } from '../src/core/joinRuleSchema.js'
import { judgeRules } from '../src/io/joinRules.js'

const text = readFileSync(new URL('../docs/join-rules.md', import.meta.url), 'utf8')

type Row = { field: string; fallback: string; example: string }
const rows: Row[] = [...text.matchAll(/^\| `([\w-]+)` +\| ([^|]*?) +\| `([^|]*)` +\|/gm)].map(
  ([, field = '', fallback = '', example = '']) => ({ field, fallback, example }),
)

t.test('docs/join-rules.md has every field once, in order', async t =>
  t.same(
    rows.map(row => row.field),
    RULE_FIELDS,
  ),
)

const NEEDED: Record<string, string> = { name: 'a', match: '[]', group: 'pool', profile: 'debian-12' }
const judged = (fields: Record<string, string>) => {
  const lines = Object.entries({ ...NEEDED, ...fields }).map(([field, value]) => `  ${field}: ${value}\n`)
  return judgeRules('r.yaml', `- ${lines.join('').trimStart()}`)
}

for (const { field, fallback, example } of rows)
  t.test(`the row of ${field}`, async t => {
    t.same(judged({ [field]: example }).problems, [], 'its example is right')
    t.equal(fallback === 'needed', field in NEEDED, 'whether it is needed')
    const value = /^`(.+)`$/.exec(fallback)?.[1]
    if (value !== undefined) t.same(judged({ [field]: value }), judged({}), `${value} is what it is without`)
  })

t.test('the example of the page is right', async t => {
  const [, example = ''] = /```yaml\n([^`]*)```/.exec(text) ?? []
  t.match(judgeRules('r.yaml', example), {
    problems: [],
    rules: [{ name: 'lab-rack', user: 'ann' }, { maximum: 8, minNodes: 3 }, { enabled: false }],
  })
})

t.test('README says in bold that nothing joins without a rule', async t =>
  t.match(
    readFileSync(new URL('../README.md', import.meta.url), 'utf8'),
    /\*\*Without a join rule a new machine only waits in the scout\.\*\*/,
  ),
)
