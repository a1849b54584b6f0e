import { spawnSync } from 'node:child_process'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { dueName } from '../../src/core/nodeFacts.js'
import { checkScript, factsScript, parseFacts, planNode, publishedFacts } from '../../src/core/plan.js'
import { isRefusal } from '../../src/core/refusal.js'
import type { NodeFacts, Role, RoleFile } from '../../src/core/role.js'
import { stateOf, wantedFor } from '../support/roles.js'

const FILE: RoleFile = { path: '/etc/a', content: "it's $HOME\n", mode: '644', owner: 'root:root', after: '' }
const role = (values: Partial<Role> = {}): Role => ({
  name: 'web',
  description: '',
  order: 50,
  publishes: [],
  packages: {},
  applies: () => true,
  waits: () => undefined,
  factScripts: () => ({}),
  paths: () => [],
  files: () => [],
  steps: () => [],
  check: () => '',
  ...values,
})
const DEBIAN: NodeFacts = { 'os.manager': 'apt', 'os.version': '12' }
const ROCKY: NodeFacts = { 'os.manager': 'dnf', 'os.version': '9' }
const step = (id: string) => ({ id, reason: 'due', script: 'true\n', timeout: 60, tries: 3 })
const reasons = (given: Role, facts: NodeFacts) =>
  planNode([given], wantedFor(), facts).steps.map(({ id, reason }) => `${id}: ${reason}`)

const PACKAGES = {
  debian: ['podman', 'crun'],
  'debian-13': ['passt'],
  rocky: ['podman'],
  'rocky-9': ['crun'],
}
for (const [name, facts, want] of [
  ['packages of a Debian 12', DEBIAN, ['web/packages: not installed: podman, crun']],
  [
    'packages of a Debian 13',
    { ...DEBIAN, 'os.version': '13' },
    ['web/packages: not installed: podman, crun, passt'],
  ],
  ['packages of a Rocky 9', ROCKY, ['web/packages: not installed: podman, crun']],
  ['one that is there', { ...DEBIAN, 'package.podman': '4.3.1' }, ['web/packages: not installed: crun']],
  ['all that are there', { ...DEBIAN, 'package.podman': '4.3.1', 'package.crun': '1' }, []],
] as const)
  t.test(name, async t => t.same(reasons(role({ packages: PACKAGES }), facts), want))

for (const [name, file, facts, want] of [
  ['a file as wanted', FILE, stateOf(FILE), []],
  ['a file that is missing', FILE, {}, ['web/files: /etc/a is missing']],
  ['another content', FILE, stateOf({ ...FILE, content: 'b' }), ['web/files: /etc/a differs']],
  ['other rights', FILE, stateOf({ ...FILE, mode: '600' }), ['web/files: /etc/a has mode 600, not 644']],
  [
    'another owner',
    FILE,
    stateOf({ ...FILE, owner: 'x:x' }),
    ['web/files: /etc/a belongs to x:x, not root:root'],
  ],
  ['a folder in its place', FILE, { 'file./etc/a': '755 root:root' }, ['web/files: /etc/a differs']],
  [
    'what follows was cut short',
    { ...FILE, after: 'reload' },
    { ...stateOf(FILE), [`due.${dueName('reload')}`]: 'yes' },
    ['web/files: /etc/a was changed, and what follows was cut short'],
  ],
  ['what is not there and is not wanted', { ...FILE, content: undefined }, {}, []],
  ['what is not wanted', { ...FILE, content: undefined }, stateOf(FILE), ['web/files: /etc/a is to go']],
] as const)
  t.test(name, async t => {
    const { content, ...rest } = file
    const wanted = content === undefined ? rest : { ...rest, content }
    t.same(reasons(role({ files: () => [wanted] }), { ...DEBIAN, ...facts }), want)
  })

t.test('order: by the role, packages, files, then steps', async t => {
  const one = role({
    name: 'one',
    order: 20,
    packages: { debian: ['a'] },
    files: () => [FILE],
    steps: () => [step('one/x')],
  })
  const two = role({ name: 'two', order: 10, steps: () => [step('two/b'), step('two/a')] })
  const ids = planNode([one, two], wantedFor(), DEBIAN).steps.map(({ id }) => id)
  t.same(ids, ['two/b', 'two/a', 'one/packages', 'one/files', 'one/x'])
})

t.test(
  'a role that waits plans nothing but the files that are to go, and keeps none of the others',
  async t => {
    const { content: _, ...gone } = FILE
    const more = { packages: PACKAGES, files: () => [gone], steps: () => [step('waits/x')] }
    const waits = role({ name: 'waits', waits: () => 'for the key', ...more })
    const web = role({ steps: () => [step('web/x')] })
    const plan = (facts: NodeFacts) => planNode([waits, web], wantedFor(), { ...DEBIAN, ...facts })
    t.match(plan({}), { waiting: 'for the key', steps: [{ id: 'web/x' }] })
    t.match(plan(stateOf(FILE)), {
      steps: [{ id: 'waits/files', reason: '/etc/a is to go' }, { id: 'web/x' }],
    })
  },
)

t.test('a role that does not apply is not asked', async t => {
  const never = () => t.fail('asked')
  const other = role({
    applies: () => false,
    waits: never as never,
    factScripts: never as never,
    check: never as never,
  })
  t.same(planNode([other], wantedFor(), DEBIAN), { steps: [] })
  t.notMatch(factsScript([other], wantedFor()), 'web.')
  t.notMatch(checkScript([other], wantedFor(), DEBIAN), 'web')
})

t.test('published facts are those that the role names and the node said', async t => {
  const facts = { 'web.key': 'k', 'web.secret': 's' }
  t.same(publishedFacts([role({ publishes: ['key', 'gone'] })], wantedFor(), facts), { 'web.key': 'k' })
})

const said = (...lines: string[]) =>
  ['motd', 'muster-facts-begin', ...lines, 'muster-facts-end', ''].join('\n')
for (const [name, text, want] of [
  [
    'lines',
    said('os.id=debian', 'file./etc/a=x 644 root:root', 'web.b=1=2'),
    { 'os.id': 'debian', 'file./etc/a': 'x 644 root:root', 'web.b': '1=2' },
  ],
  ['the first of two', said('os.id=debian', 'os.id=rocky'), { 'os.id': 'debian' }],
  ['what is no fact', said('hello', '=x', 'os=x', '__proto__=x', 'A.b=x', 'web.a b=x'), {}],
  ['control characters', said('web.a=\u001b[31mred\u0000\u2028'), { 'web.a': '[31mred' }],
  ['a long value', said(`web.a=${'x'.repeat(9000)}`), { 'web.a': 'x'.repeat(8192) }],
] as const)
  t.test(`facts: ${name}`, async t => t.same(parseFacts(text), want))

for (const [name, text] of [
  ['nothing', ''],
  ['no end', 'muster-facts-begin\nos.id=debian\n'],
  ['no beginning', 'os.id=debian\nmuster-facts-end\n'],
  ['too many lines', said(...Array.from({ length: 6000 }, (_, n) => `web.a${n}=1`))],
  ['too much', said(`web.a=${'x'.repeat(600_000)}`)],
] as const)
  t.test(`no facts: ${name}`, async t => t.ok(isRefusal(parseFacts(text))))

t.test('a link is told of, and not what it leads to', async t => {
  const folder = t.testdir()
  const [file, link] = [join(folder, 'file'), join(folder, 'link')]
  writeFileSync(file, 'x')
  symlinkSync(file, link)
  const script = factsScript([role({ paths: () => [file, link] })], wantedFor())
  const facts = parseFacts(spawnSync('sh', { input: script, encoding: 'utf8' }).stdout)
  t.match(facts, { [`file.${file}`]: /^644 /, [`file.${link}`]: /^777 /, [`sha256.${link}`]: undefined })
  t.match(facts, { [`sha256.${file}`]: /^2d7116/ })
})
