import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { SETTINGS } from '../../src/config.js'
import { planNode } from '../../src/core/plan.js'
import { isRefusal } from '../../src/core/refusal.js'
import { openRoles, SHIPPED_ROLES } from '../../src/io/roles.js'
import { wantedFor } from '../support/roles.js'

/** An owner's folder with these files, and its roles. */
function owning(t: Test, files: Record<string, string>) {
  const folder = join(t.testdir(), 'own')
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  const warnings: unknown[] = []
  return {
    folder,
    warnings,
    roles: openRoles({ folder, log: { warn: (...words: unknown[]) => warnings.push(words) } }),
  }
}

async function problemsOf(t: Test, yaml: string, more: Record<string, string> = {}) {
  const { folder, roles } = owning(t, { 'x/role.yaml': yaml, ...more })
  const found = (await roles.list()).find(role => role.name === 'x')
  return (found?.problems ?? []).map(problem => problem.replace(`${folder}/`, ''))
}

t.test('the shipped roles', async t => {
  const found = await owning(t, {}).roles.list()
  t.same(
    found.map(({ name }) => name).sort(),
    [...SETTINGS.roles.default].sort(),
    'they are in use by default',
  )
  for (const { name, file, problems } of found) {
    t.same(problems, undefined, `${name} has no problems`)
    t.equal(file, join(SHIPPED_ROLES, name, 'role.yaml'))
  }
})

const HEAD = 'description: x\n'
for (const [name, yaml, want] of [
  ['what is missing', 'order: 1\n', ['x/role.yaml:1: description: is missing: it must be one line of text']],
  [
    'a field that there is not',
    `${HEAD}step: []\n`,
    ['x/role.yaml:2: step: there is no such field (did you mean steps?)'],
  ],
  [
    'a field of a file',
    `${HEAD}files:\n  - path: /etc/a\n    contents: x\n`,
    [
      'x/role.yaml:4: files[0].contents: there is no such field (did you mean content?)',
      'x/role.yaml:3: files[0]: must have',
    ],
  ],
  [
    'a mode',
    `${HEAD}files:\n  - path: /etc/a\n    content: x\n    mode: 999\n`,
    ['x/role.yaml:5: files[0].mode: must be a mode'],
  ],
  [
    'a template that does not compile',
    `${HEAD}files:\n  - path: /etc/a\n    content: "{% if %}"\n`,
    ['x/role.yaml:4: files[0].content: '],
  ],
  ['a template file that there is not', `${HEAD}check: gone.njk\n`, [/^x\/role\.yaml:2: check: .*gone\.njk/]],
  [
    'a value that there is not',
    `${HEAD}check: "{{ node.nmae }}"\n`,
    ['x/role.yaml:2: check: the template needs nmae'],
  ],
  [
    'a fact that there is not',
    `${HEAD}applies: facts.gone\n`,
    ['x/role.yaml:2: applies: the template needs gone'],
  ],
  [
    'a path',
    `${HEAD}files:\n  - path: /etc/../a\n    content: x\n`,
    ['x/role.yaml:3: files[0].path: cannot be "/etc/../a"'],
  ],
  [
    'an owner',
    `${HEAD}files:\n  - path: /etc/a\n    content: x\n    owner: "a b"\n`,
    ['x/role.yaml:5: files[0].owner: cannot be "a b"'],
  ],
  ['a published fact', `${HEAD}publishes: [key]\n`, ['x/role.yaml:2: publishes[0]: there is no fact key']],
  [
    'two steps of one name',
    `${HEAD}steps:\n${'  - {id: a, when: "true", reason: r, script: s}\n'.repeat(2)}`,
    ['x/role.yaml:4: steps[1].id: there are two steps called a'],
  ],
  ['a key of packages', `${HEAD}packages: {suse: [a]}\n`, ['x/role.yaml:2: packages.suse: ']],
  [
    'a role to extend',
    `${HEAD}extends: gone\n`,
    ['x/role.yaml:2: extends: must be a role that comes with muster'],
  ],
  ['what is no YAML', 'a: [', [/^x\/role\.yaml:\d: /]],
] as const)
  t.test(`told: ${name}`, async t => {
    const problems = await problemsOf(t, yaml)
    t.equal(problems.length, want.length, problems.join('\n'))
    for (const [n, line] of want.entries()) t.match(problems[n], line)
  })

t.test("an owner's role extends a shipped one and brings its own templates", async t => {
  const { roles } = owning(t, {
    'base/role.yaml':
      'extends: base\norder: 11\nfiles:\n  - {path: /etc/hosts, content: hosts.njk}\n  - {path: /etc/motd, content: motd.njk}\n',
    'base/motd.njk': 'on {{ node.name }}\n',
  })
  const found = await roles.named(['base'])
  if (isRefusal(found)) return t.fail(found.why)
  t.match(found[0]?.files(wantedFor(), {}), [{ content: /10\.0\.0\.11 node-1/ }, { content: 'on node-1\n' }])
})

t.test('a broken role is logged, told to who asks for it, and stops no other', async t => {
  const { roles, warnings } = owning(t, { 'x/role.yaml': 'a: [' })
  t.match(await roles.named(['x']), { refused: 'invalid', why: /x\/role\.yaml:1/ })
  t.match(await roles.named(['bsae']), { why: /there is no role bsae \(did you mean base\?\)/ })
  const found = await roles.named(['base'])
  t.notOk(isRefusal(found))
  t.equal(warnings.length, 1)
})

t.test('values that mean to break out', async t => {
  const { roles } = owning(t, {
    'x/role.yaml': `${HEAD}steps:\n  - {id: a, when: "true", reason: "{{ node.name }}", script: "echo {{ node.name | sh }}"}\n`,
  })
  const found = await roles.named(['x'])
  if (isRefusal(found)) return t.fail(found.why)
  const [step] = planNode(found, wantedFor({ name: `a'\n$(reboot)` }), {}).steps
  t.equal(step?.reason, "a' $(reboot)")
  t.match(step?.script, `echo 'a'\\''\n$(reboot)'`)
})

t.test('while a role waits, only what is to go is made', async t => {
  const yaml = `${HEAD}waits: [{ when: not pool.elected, for: a master }]
files:
  - { path: /etc/a, content: "{{ pool.workers[0].name }}" }
  - { path: /etc/b, absent: true }
`
  const found = await owning(t, { 'x/role.yaml': yaml }).roles.named(['x'])
  if (isRefusal(found)) throw new Error(found.why)
  const paths = (...others: Parameters<typeof wantedFor>) =>
    found[0]?.files(wantedFor(...others), {}).map(({ path }) => path)
  t.same(paths(), ['/etc/b'])
  t.same(paths({ role: 'worker' }, [{ role: 'master' }]), ['/etc/a', '/etc/b'])
})
