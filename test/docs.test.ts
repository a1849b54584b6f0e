import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'

const root = new URL('..', import.meta.url).pathname
const pages = [
  ...readdirSync(root).filter(f => f.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(f => f.endsWith('.md'))
    .map(f => join('docs', f)),
]

for (const page of pages)
  t.test(`links of ${page}`, async t => {
    const text = readFileSync(join(root, page), 'utf8')
    for (const [, link = ''] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(link)) continue
      t.ok(existsSync(join(root, dirname(page), link)), `${link} exists`)
    }
  })

t.test('decisions', async t => {
  const names = readdirSync(join(root, 'docs/decisions')).sort()
  const numbers = names.map(name => name.slice(0, 4))
  t.equal(new Set(numbers).size, numbers.length, 'each number once')
  for (const name of names) {
    t.match(name, /^\d{4}-[a-z0-9-]+\.md$/, 'NNNN-title.md')
    const text = readFileSync(join(root, 'docs/decisions', name), 'utf8')
    t.match(text, /^Status: /m, `${name} has a status`)
    for (const part of ['Context', 'Decision', 'Consequences']) t.match(text, part, `${name} has ${part}`)
  }
})

t.test('README', async t => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  for (const command of ['npm start', 'npm test', 'npm run lab']) t.match(readme, command)
})
