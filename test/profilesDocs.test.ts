import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { FIELDS } from '../src/core/profileSchema.js'
import { judge, readWritten } from '../src/io/profileFile.js'
import { openProfiles } from '../src/io/profiles.js'

const text = readFileSync(new URL('../docs/profiles.md', import.meta.url), 'utf8')

type Row = { field: string; fallback: string; example: string }
const rows: Row[] = [...text.matchAll(/^\| `([\w.[\]]+)` +\| ([^|]*?) +\| `([^|]*)` +\|/gm)].map(
  ([, field = '', fallback = '', example = '']) => ({ field, fallback, example }),
)

t.test('docs/profiles.md has every field once, in order', async t =>
  t.same(
    rows.map(row => row.field),
    ['extends', ...FIELDS],
  ),
)

/** `users[].name: x` as YAML of its own place. */
function yaml(field: string, value: string): string {
  const [outer = '', inner] = field.replace('[]', '').split('.')
  if (!inner) return `${outer}: ${value}\n`
  const more = outer === 'users' && inner !== 'name' ? '{ name: ann, ' : '{ '
  return outer === 'users'
    ? `${outer}: [${more}${inner}: ${value} }]\n`
    : `${outer}: { ${inner}: ${value} }\n`
}

const NEEDED = 'distribution: debian\nrelease: 12\ninstaller: image\n'
const judged = (name: string, fields: string) => {
  const given = Object.keys(parse(fields) ?? {})
  const rest = NEEDED.split('\n').filter(line => !given.some(key => line.startsWith(`${key}:`)))
  return judge(readWritten(name, `${name}.yaml`, `${fields}${rest.join('\n')}`), [])
}
const PRESEED = { template: 'installer: preseed\n' } as Record<string, string>

for (const { field, fallback, example } of rows.filter(row => row.field !== 'extends'))
  t.test(`the row of ${field}`, async t => {
    const got = judged('web', `${yaml(field, example)}${PRESEED[field] ?? ''}`)
    t.same('problems' in got ? got.problems : [], [], 'its example is right')
    const value = /^`(.+)`$/.exec(fallback)?.[1]
    const name = field.startsWith('users') ? 'users: [{ name: ann }]\n' : ''
    if (value === undefined) return
    t.same(judged('web', yaml(field, value)), judged('web', name), `${value} is what it is without`)
  })

t.test('fields without a default in words are needed', async t => {
  const needed = rows.filter(({ fallback }) => fallback === 'needed').map(({ field }) => field)
  t.same(needed, ['distribution', 'release', 'installer', 'users[].name'])
  const { problems } = judge(readWritten('web', 'web.yaml', 'users: [{}]\n'), []) as { problems: string[] }
  for (const field of needed)
    t.ok(
      problems.some(p => p.includes(`: ${field.replace('[]', '[0]')}: is missing`)),
      field,
    )
})

t.test('the example of the page is right', async t => {
  const [, example = ''] = /```yaml\n([^`]*)```/.exec(text) ?? []
  const folder = t.testdir({ 'web.yaml': example })
  t.match(await openProfiles({ folder }).check(join(folder, 'web.yaml')), {
    profile: { installer: 'image', partitioning: { layout: 'lvm' }, users: [{ name: 'ann' }] },
  })
})
