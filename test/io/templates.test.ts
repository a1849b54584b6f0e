import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openTemplates, type Values } from '../../src/io/templates.js'

function templatesOf(dir: string, files: Record<string, string>) {
  mkdirSync(join(dir, 'x'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, 'x', `${name}.njk`), text)
  return openTemplates(dir, ['x'])
}
const render = (dir: string, text: string, values: Values) =>
  templatesOf(dir, { one: text }).render('x/one.njk', values)

for (const [name, text] of [
  ['printed', '{{ gone }}'],
  ['concatenated', '{{ "a" ~ gone }}'],
  ['added', '{{ "a" + gone }}'],
  ['filtered', '{{ gone | upper }}'],
  ['given a default', '{{ gone | default("b") }}'],
  ['in if', '{% if gone %}x{% endif %}'],
  ['in if not', '{% if not gone %}x{% endif %}'],
  ['in for', '{% for x in gone %}x{% endfor %}'],
  ['in set', '{% set x = gone %}'],
  ['as a member', '{{ has.gone }}'],
  ['as a member of a member', '{{ has.a.gone }}'],
  ['as a member in if', '{% if has.gone %}x{% endif %}'],
  ['as an index', '{{ list[3] }}'],
  ['as an inherited member', '{{ has.constructor }}'],
  ['in an included template', '{% include "x/part.njk" %}'],
] as const)
  t.test(`a missing value throws ${name}`, async t => {
    const templates = templatesOf(t.testdir(), { one: text, part: '{{ "a" ~ gone }}' })
    t.throws(() => templates.render('x/one.njk', { has: { a: 'b' }, list: [1] }), /not given/)
  })

for (const [name, text, values, want] of [
  [
    'members and loops',
    '{% for d in disks %}{{ loop.index }}{{ d.name }} {% endfor %}',
    { disks: [{ name: 'sda' }] },
    '1sda ',
  ],
  ['an empty string is false', '{{ "x" if a }}', { a: '' }, ''],
  ['a set variable', '{% set x = a ~ 1 %}{{ x }}', { a: 'b' }, 'b1'],
  ['nothing is escaped', '{{ a }}', { a: '<&">' }, '<&">'],
  ['comments', 'a<# {{ gone }} #>b', {}, 'ab'],
  ["shell's length of a variable is text", `\${#name} {# #}`, {}, `\${#name} {# #}`],
] as const)
  t.test(name, async t => t.equal(render(t.testdir(), text, values), want))

for (const [name, filter, value, refused] of [
  ['a line', 'line', 'quiet net.ifnames=0', false],
  ['newline', 'line', 'a\nb', true],
  ['carriage return', 'line', 'a\rb', true],
  ['NUL', 'line', 'a\0', true],
  ['Unicode line separator', 'line', 'a\u2028b', true],
  ['what iPXE would expand', 'line', `\${net0/mac}`, true],
  ['a word', 'word', 'http://192.168.1.2:8067', false],
  ['blank in a word', 'word', 'a b', true],
  ['an empty word', 'word', '', true],
] as const)
  t.test(`filter ${filter}: ${name}`, async t => {
    const act = () => render(t.testdir(), `{{ v | ${filter} }}`, { v: value })
    if (refused) t.throws(act, /control character|one word/)
    else t.equal(act(), value)
  })

for (const [name, filter, value, want] of [
  ['a quote for the shell', 'sh', "it's", `'it'\\''s'`],
  ['two lines for the shell', 'sh', 'a\nb', `'a\nb'`],
  ['nothing for the shell', 'sh', '', `''`],
  ['a number for the shell', 'sh', 7, `'7'`],
  ['NUL for the shell', 'sh', 'a\0b', /NUL/],
  ['text for a preseed', 'preseed', `Ünï "x" '$y' \\z`, `Ünï "x" '$y' \\z`],
  ['newline for a preseed', 'preseed', 'hash\nd-i x', /control character/],
  ['a backslash at the end for a preseed', 'preseed', 'a\\', /ends with a backslash/],
  ['a blank at the start for a preseed', 'preseed', ' a', /blank/],
  ['a quote for a kickstart', 'ks', "it's", `'it'\\''s'`],
  ['newline for a kickstart', 'ks', 'a\n%post', /control character/],
] as const)
  t.test(`filter ${filter}: ${name}`, async t => {
    const act = () => render(t.testdir(), `{{ v | ${filter} }}`, { v: value })
    if (want instanceof RegExp) t.throws(act, want)
    else t.equal(act(), want)
  })

t.test('a filter that refuses a secret does not repeat it', async t => {
  for (const filter of ['sh', 'preseed', 'ks'])
    try {
      render(t.testdir(), `{{ v | ${filter} }}`, { v: '$6$hash\0\n' })
      t.fail(`${filter} refuses`)
    } catch (error) {
      t.notMatch(String(error), /hash/)
    }
})

t.test('a template that does not compile stops the start', async t =>
  t.throws(() => templatesOf(t.testdir(), { bad: '{% if %}' }), /bad\.njk/),
)
