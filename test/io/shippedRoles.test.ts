import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { checkScript, factsScript, parseFacts, planNode, publishedFacts } from '../../src/core/plan.js'
import { isRefusal } from '../../src/core/refusal.js'
import type { NodeFacts, NodeValues, Wanted } from '../../src/core/role.js'
import { openRoles } from '../../src/io/roles.js'
import { golden } from '../golden.js'
import { filesPut, KEY, wantedFor } from '../support/roles.js'

const found = await openRoles({ folder: '/nonexistent' }).named([
  ...['base', 'certificate', 'podman', 'master', 'worker'],
])
if (isRefusal(found)) throw new Error(found.why)
const roles = found

const MASTER: Partial<NodeValues> = {
  name: 'node-1',
  role: 'master',
  published: { 'master.public_key': KEY, 'podman.socket': '/run/user/1001/podman/podman.sock' },
}
const WORKER: Partial<NodeValues> = {
  id: 'i-222222222222',
  name: 'node-2',
  address: '10.0.0.12',
  role: 'worker',
  published: { 'podman.socket': '/run/user/1001/podman/podman.sock' },
}
const master = wantedFor(MASTER, [WORKER])
const worker = wantedFor(WORKER, [MASTER])
const alone = wantedFor({ memory: 2 ** 33 })
const rocky = wantedFor({ ...WORKER, distribution: 'rocky', release: '9', profile: 'rocky-9' }, [MASTER])

/** What `muster plan` would show, turn by turn: the first step of each is done when the next begins. */
function planned(wanted: Wanted, facts: NodeFacts) {
  const { steps, waiting } = planNode(roles, wanted, facts)
  const due = steps.map(({ id, reason }) => `${id}: ${reason}`)
  return waiting === undefined ? due : [...due, `waits for ${waiting}`]
}

const recorded = (name: string): NodeFacts => {
  const facts = parseFacts(readFileSync(new URL(`../fixtures/nodes/${name}`, import.meta.url), 'utf8'))
  if (isRefusal(facts)) throw new Error(facts.why)
  return facts
}
const fresh = recorded('debian-12-image.facts')
const preseeded: NodeFacts = {
  'os.id': 'debian',
  'os.version': '12',
  'os.manager': 'apt',
  'podman.cgroups': '2',
}
const rockyFacts = recorded('rocky-9.facts')

/** A node on which nothing is left to do. */
const done = (wanted: Wanted): NodeFacts => {
  const said = {
    ...fresh,
    'package.openssh-client': '1:9.2',
    'base.owner': '1000',
    'base.clock': 'systemd-timesyncd',
    'base.swap': '/var/swap',
    'certificate.request': 'MIIB',
    'certificate.certificate': `DNS:${wanted.node.name}, DNS:pool, IP Address:${wanted.node.address} Certificate will not expire`,
    'podman.user': '1001',
    'podman.subuid': 'pool:100000:65536',
    'podman.subgid': 'pool:100000:65536',
    'podman.linger': 'yes',
    'podman.listens': 'yes',
    'podman.socket': '/run/user/1001/podman/podman.sock',
    'podman.image': 'yes',
    'podman.answer': wanted.node.name,
    'master.user': '1001',
    'master.public_key': KEY,
    'worker.user': '1001',
  }
  const withdrawn = Object.entries(said).filter(([name]) => !/^(file|sha256)\./.test(name))
  return filesPut(roles, wanted, Object.fromEntries(withdrawn))
}

for (const [name, wanted, then] of [
  ['a node whose pool has not elected', alone, ['waits for an election in pool']],
  ['a master', master, []],
  ['a worker', worker, []],
] as const)
  t.test(`${name} as wanted: nothing to do`, async t => t.same(planned(wanted, done(wanted)), then))

for (const [name, facts, want] of [
  ['a host name', { 'sha256./etc/hostname': 'x' }, ['base/files: /etc/hostname differs']],
  ['the owner', { 'base.owner': '' }, ['base/owner: there is no user owner']],
  ['the clock', { 'base.clock': '' }, ["base/clock: the clock is not set by the network's time"]],
  ['no swap', { 'base.swap': '', 'base.room_mib': '5000' }, ['base/swap: 2048 MiB of memory and no swap']],
  ['no swap and no room', { 'base.swap': '', 'base.room_mib': '4000' }, []],
  ['no request', { 'certificate.request': '' }, ['certificate/key: there is no key']],
  ['no certificate', { 'certificate.certificate': '' }, ['certificate/sign: there is no certificate']],
  [
    'a certificate that ends soon',
    { 'certificate.certificate': 'DNS:node-1, IP Address:10.0.0.11 Certificate will expire' },
    ['certificate/sign: the certificate is not for this name and address, or ends soon'],
  ],
  [
    'a certificate for another address',
    { 'certificate.certificate': 'DNS:node-1, IP Address:10.0.0.1 Certificate will not expire' },
    ['certificate/sign: the certificate is not for this name and address, or ends soon'],
  ],
  ['cgroups', { 'podman.cgroups': '' }, ['podman/cgroups: containers of a user need cgroups of version 2']],
  [
    'ranges',
    { 'podman.subgid': '' },
    ['podman/ranges: pool has no ranges of ids for users inside of containers'],
  ],
  ['the socket', { 'podman.socket': '' }, ['podman/socket: Podman does not listen for pool']],
  [
    'another image',
    { 'podman.image': '', 'podman.answer': 'node-1' },
    ['podman/image: the image of the check is not here'],
  ],
  ['no answer', { 'podman.answer': '' }, ['podman/answer: the container of the check does not answer']],
  [
    "the answer of another's",
    { 'podman.answer': 'node-9' },
    ['podman/answer: the container of the check does not answer'],
  ],
  ['the key', { 'master.public_key': '' }, ['master/key: the master has no key of its own']],
  ['a package', { 'package.crun': '' }, ['podman/packages: not installed: crun']],
] as const)
  t.test(`drift of a master: ${name}`, async t => {
    t.same(planned(master, { ...done(master), ...facts }), want)
  })

t.test('the order on fresh nodes', async t => {
  const lines = (title: string, wanted: Wanted, facts: NodeFacts) => [
    `# ${title}`,
    ...planned(wanted, facts),
    '',
  ]
  golden(
    t,
    'test/golden/roles/plans.txt',
    [
      ...lines('from an image, before the election', alone, fresh),
      ...lines('installed by preseed, the master', master, preseeded),
      ...lines('Rocky 9, a worker', rocky, rockyFacts),
    ].join('\n'),
  )
})

for (const [name, some] of [
  ['a pool that has not elected', alone],
  ["a master's key", wantedFor(WORKER, [{ ...MASTER, published: {} }])],
] as const)
  t.test(`while a node waits for ${name}, the rest goes on`, async t => {
    const { steps, waiting } = planNode(roles, some, fresh)
    t.match(waiting, /^(an election in pool|the key of the master node-1)$/)
    const due = new Set(steps.map(({ id }) => id.replace(/\/.*/, '')))
    t.same([...due], ['base', 'certificate', 'podman'])
    t.match(planNode(roles, some, done(some)), { steps: [], waiting })
  })

t.test('a node without the role of workers waits for no election', async t => {
  const base = roles.filter(role => role.name === 'base')
  t.same(planNode(base, alone, filesPut(base, alone, done(alone))), { steps: [] })
})

t.test('what nodes publish', async t => {
  t.same(publishedFacts(roles, master, done(master)), MASTER.published)
  t.same(publishedFacts(roles, worker, done(worker)), WORKER.published)
})

const KEYS = {
  'file./home/pool/.ssh/muster': '600 pool:pool',
  'file./home/pool/.ssh/muster.pub': '644 pool:pool',
}
const OF_WORKERS = ['.ssh/authorized_keys']
const OF_MASTERS = [
  ...['.ssh/muster', '.ssh/muster.pub', '.ssh/known_hosts', '.config/containers/containers.conf'],
  ...['/etc/muster/pool/hosts', '/etc/muster/pool/nodes.json', '/etc/muster/pool/inventory.ini'],
]
const wasWorker = done(worker)
const wasMaster = { ...done(master), ...KEYS }
for (const [name, now, was, left] of [
  ['a master that was a worker', master, wasWorker, OF_WORKERS],
  ['a worker that was the master', worker, wasMaster, OF_MASTERS],
  ['a worker that was moved to a pool without master', wantedFor(WORKER), wasWorker, OF_WORKERS],
  ['a master that was moved to a pool without master', alone, wasMaster, OF_MASTERS],
  [
    'a worker whose new master has no key yet',
    wantedFor(WORKER, [{ ...MASTER, published: {} }]),
    wasWorker,
    OF_WORKERS,
  ],
] as const)
  t.test(`${name} keeps nothing of it`, async t => {
    const planned = planNode(roles, now, { ...was, ...done(now) })
    t.equal(planned.steps.length, 1)
    const [step] = planned.steps
    t.match(step?.reason, ` is to go${left.length > 5 ? ` and ${left.length - 5} more` : ''}`)
    const gone = left.map(path => (path.startsWith('/') ? path : `/home/pool/${path}`))
    t.same(
      [...(step?.script ?? '').matchAll(/^drop \S+ \S+ '(.*)'$/gm)].map(([, path]) => path),
      gone,
    )
  })

const contentOf = (wanted: Wanted, path: string) =>
  roles
    .filter(role => role.applies(wanted))
    .flatMap(role => role.files(wanted, done(wanted)))
    .find(file => file.path === path)?.content ?? ''

for (const [name, wanted, path] of [
  ['hosts', master, '/etc/hosts'],
  ['journald.conf', master, '/etc/systemd/journald.conf.d/50-muster.conf'],
  ['known_hosts', master, '/home/pool/.ssh/known_hosts'],
  ['connections.conf', master, '/home/pool/.config/containers/containers.conf'],
  ['nodes.json', master, '/etc/muster/pool/nodes.json'],
  ['inventory.ini', master, '/etc/muster/pool/inventory.ini'],
  ['authorized_keys', worker, '/home/pool/.ssh/authorized_keys'],
  ['answer.service', worker, '/home/pool/.config/systemd/user/muster-answer.service'],
] as const)
  t.test(`the file ${name}`, async t => golden(t, `test/golden/roles/${name}`, contentOf(wanted, path)))

t.test('nodes.json is JSON', async t =>
  t.match(JSON.parse(contentOf(master, '/etc/muster/pool/nodes.json')), {
    master: 'node-1',
    nodes: [{ role: 'master' }, { role: 'worker', address: '10.0.0.12' }],
  }),
)

t.test('who gets in is told alike by the script that finishes an installation', async t => {
  const finish = readFileSync(new URL('../golden/install/finish-image.sh', import.meta.url), 'utf8')
  t.match(finish, contentOf(master, '/etc/ssh/sshd_config.d/00-muster.conf'))
})

for (const [name, wanted] of [
  ['a host name', wantedFor({ name: 'a\nb' })],
  ['an address', wantedFor({ address: '10.0.0.1 evil' })],
  ["an owner's key", { ...alone, ownerKeys: [`${KEY}\nssh-rsa AAAA`] }],
  [
    "the master's key",
    wantedFor(WORKER, [{ ...MASTER, published: { 'master.public_key': `${KEY}\nssh-rsa A` } }]),
  ],
  ['a host key', wantedFor(MASTER, [{ ...WORKER, hostKeys: [`${KEY}\n* ssh-rsa A`] }])],
] as const)
  t.test(`a line break in ${name} is refused`, async t =>
    t.throws(() => planNode(roles, wanted, done(master)), /role \w+: .*(control character|not one word)/),
  )

t.test('every script is one that dash reads', async t => {
  const nothing = Object.fromEntries(Object.keys(done(master)).map(name => [name, '']))
  for (const [title, wanted] of Object.entries({ alone, master, worker, rocky }))
    for (const facts of [
      fresh,
      preseeded,
      rockyFacts,
      done(wanted),
      { ...nothing, 'podman.linger': 'yes', 'podman.image': 'yes', 'podman.user': '1' },
    ]) {
      const scripts = [factsScript(roles, wanted), checkScript(roles, wanted, facts)]
      const steps = planNode(roles, wanted, facts).steps
      for (const script of [...scripts, ...steps.map(step => step.script)]) {
        const { status, stderr } = spawnSync('sh', ['-n'], { input: script, encoding: 'utf8' })
        t.equal(status, 0, `${title}: ${stderr}`)
      }
    }
})
