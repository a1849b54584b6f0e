import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  checkScript,
  factsScript,
  packagesOf,
  parseFacts,
  planNode,
  publishedFacts,
} from '../../src/core/plan.js'
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

/** Debian 13 has Podman 5, and with it Quadlet. */
const trixie: NodeFacts = { ...fresh, 'os.version': '13', 'package.passt': '0.0', 'podman.quadlet': 'yes' }

/** A node on which nothing is left to do. */
const done = (wanted: Wanted, system = fresh): NodeFacts => {
  const said = {
    ...system,
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
    { 'certificate.certificate': 'DNS:node-1, DNS:pool, IP Address:10.0.0.11 Certificate will expire' },
    ['certificate/sign: the certificate is not for this name, pool and address, or ends soon'],
  ],
  [
    "a certificate of another pool's",
    { 'certificate.certificate': 'DNS:node-1, DNS:other, IP Address:10.0.0.11 Certificate will not expire' },
    ['certificate/sign: the certificate is not for this name, pool and address, or ends soon'],
  ],
  [
    'a certificate for another address',
    { 'certificate.certificate': 'DNS:node-1, DNS:pool, IP Address:10.0.0.1 Certificate will not expire' },
    ['certificate/sign: the certificate is not for this name, pool and address, or ends soon'],
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

for (const [name, facts, want] of [
  ['as wanted', {}, []],
  ['its network', { 'package.passt': '' }, ['podman/packages: not installed: passt']],
  [
    'no unit yet',
    { 'file./home/pool/.config/containers/systemd/muster-answer.container': '', 'podman.answer': '' },
    [
      'podman/files: /home/pool/.config/containers/systemd/muster-answer.container is missing',
      'podman/answer: the container of the check does not answer',
    ],
  ],
] as const)
  t.test(`Debian 13 with Quadlet: ${name}`, async t => {
    t.same(planned(master, { ...done(master, trixie), ...facts }), want)
  })

t.test('without Quadlet the unit is one of its own', async t => {
  const unit = '/home/pool/.config/systemd/user/muster-answer.service'
  t.match(planned(master, { ...done(master), [`file.${unit}`]: '' }), [`podman/files: ${unit} is missing`])
})

t.test('a daemon that cannot make the image of the check says so, and no node is done without', async t => {
  const without = { ...master, images: { answer: '' } }
  const facts = { ...done(without), 'podman.image': '' }
  t.same(planned(without, facts), ['podman/image: the image of the check is not here'])
  t.match(checkScript(roles, without, facts), '127.0.0.1:8069')
})

/** Those that are asked for on this system are installed. */
const installed = (facts: NodeFacts): NodeFacts =>
  Object.assign(
    { ...facts },
    ...roles.flatMap(role => packagesOf(role, facts).map(name => ({ [`package.${name}`]: '1' }))),
  )

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
      ...lines('Debian 13 installed by preseed, a worker', worker, { ...preseeded, 'os.version': '13' }),
      ...lines('Rocky 9, a worker', rocky, rockyFacts),
      ...lines('Rocky 9, a worker with its packages', rocky, installed(rockyFacts)),
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

const contentOf = (wanted: Wanted, path: string, facts = done(wanted)) =>
  roles
    .filter(role => role.applies(wanted))
    .flatMap(role => role.files(wanted, facts))
    .find(file => file.path === path)?.content ?? ''

const small = wantedFor({ ...MASTER, memory: 2 ** 30 }, [WORKER])
const onRocky = done(rocky, rockyFacts)
for (const [name, wanted, path, facts] of [
  ['hosts', master, '/etc/hosts'],
  ['journald.conf', master, '/etc/systemd/journald.conf.d/50-muster.conf'],
  ['journald-1g.conf', small, '/etc/systemd/journald.conf.d/50-muster.conf'],
  ['logind.conf', master, '/etc/systemd/logind.conf.d/50-muster.conf'],
  ['52muster-upgrades', master, '/etc/apt/apt.conf.d/52muster-upgrades'],
  ['automatic.conf', rocky, '/etc/dnf/automatic.conf', onRocky],
  ['registries.conf', master, '/etc/containers/registries.conf.d/50-muster.conf'],
  ['containers.conf', master, '/etc/containers/containers.conf.d/50-muster.conf'],
  ['containers-rocky.conf', rocky, '/etc/containers/containers.conf.d/50-muster.conf', onRocky],
  ['storage.conf', master, '/home/pool/.config/containers/storage.conf'],
  ['sshd-pool.conf', worker, '/etc/ssh/sshd_config.d/60-muster-pool.conf'],
  ['known_hosts', master, '/home/pool/.ssh/known_hosts'],
  ['connections.conf', master, '/home/pool/.config/containers/containers.conf'],
  ['nodes.json', master, '/etc/muster/pool/nodes.json'],
  ['inventory.ini', master, '/etc/muster/pool/inventory.ini'],
  ['authorized_keys', worker, '/home/pool/.ssh/authorized_keys'],
  ['answer.service', worker, '/home/pool/.config/systemd/user/muster-answer.service'],
  [
    ...([
      'answer.container',
      worker,
      '/home/pool/.config/containers/systemd/muster-answer.container',
    ] as const),
    done(worker, trixie),
  ],
] as const)
  t.test(`the file ${name}`, async t =>
    golden(t, `test/golden/roles/${name}`, contentOf(wanted, path, facts)),
  )

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

const ID = 'a'.repeat(64) // of the image, as `wantedFor` has it
const SSH = '.ssh/muster.pub'
const IMAGES = '.local/share/containers/storage/overlay-images/images.json'
for (const [name, fact, path, make, want] of [
  ['the key of a master', 'master.public_key', SSH, write(`${KEY} muster master node-1\n`), KEY],
  ['a key in a link', 'master.public_key', SSH, link(`${KEY} muster\n`), ''],
  ['a key in a pipe', 'master.public_key', SSH, pipe, ''],
  ['what is no key', 'master.public_key', SSH, write('root:$y$j9T$x:19000:0:\n'), ''],
  ['a key with names of files', 'master.public_key', SSH, write('ssh-ed25519 /*\n'), ''],
  ['a key that is none', 'master.public_key', SSH, write('ssh-ed25519 $(id) x\n'), ''],
  ['no key', 'master.public_key', SSH, () => {}, ''],
  ['an image', 'podman.image', IMAGES, write(`[{"id":"${ID}"}]`), 'yes'],
  ['another image', 'podman.image', IMAGES, write('[{"id":"b"}]'), ''],
  ['an image in a link', 'podman.image', IMAGES, link(ID), ''],
  ['an image in a pipe', 'podman.image', IMAGES, pipe, ''],
] as const)
  t.test(`root neither follows nor waits for what is the pool's user's: ${name}`, async t => {
    const home = t.testdir()
    const file = join(home, path)
    mkdirSync(join(file, '..'), { recursive: true })
    make(file)
    t.equal(said(t, fact, home), want)
  })

function write(text: string) {
  return (file: string) => writeFileSync(file, text)
}
function link(text: string) {
  return (file: string) => {
    writeFileSync(`${file}.real`, text)
    symlinkSync(`${file}.real`, file)
  }
}
function pipe(file: string) {
  spawnSync('mkfifo', [file])
}

/** What a fact of a master is, when this is the home of the pool's user. */
function said(t: Test, fact: string, home: string) {
  const [name, key = ''] = fact.split('.')
  const script = roles.find(role => role.name === name)?.factScripts(master)[key] ?? ''
  const { stdout, signal } = spawnSync('sh', ['-uc', script.replaceAll('/home/pool', home)], {
    ...{ encoding: 'utf8', timeout: 10_000 },
  })
  t.equal(signal, null, 'it does not hang')
  return stdout.trim()
}

const CLOSED = `permitrootlogin without-password
passwordauthentication no
kbdinteractiveauthentication no`
for (const [name, sshd, want] of [
  ['by key only', CLOSED, ''],
  ['by key only, as a newer sshd says it', CLOSED.replace('without', 'prohibit'), ''],
  ['root by password', CLOSED.replace('without-password', 'yes'), /^sshd lets in by password: /],
  ['by password', CLOSED.replace('passwordauthentication no', 'passwordauthentication yes'), /^sshd lets in/],
  ['by questions', CLOSED.replace('iveauthentication no', 'iveauthentication yes'), /^sshd lets in/],
  ['nobody knows', '', /^sshd does not say/],
] as const)
  t.test(`the check of base: sshd lets in ${name}`, async t => {
    const pretend = `uname() { echo node-1; }
getent() { :; }
sudo() { echo 'NOPASSWD: ALL'; }
sshd() { [ "$1" = -T ] && echo '${sshd}'; }
`
    const check = roles.find(role => role.name === 'base')?.check(master, {}) ?? ''
    const { status, stdout } = spawnSync('sh', ['-euc', pretend + check], { encoding: 'utf8' })
    t.equal(status, want === '' ? 0 : 1)
    t.match(stdout, want === '' ? /^$/ : want)
  })
