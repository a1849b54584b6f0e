import t, { type Test } from 'tap'
import type { InstanceId } from '../../src/core/instance.js'
import type { Role } from '../../src/core/role.js'
import { openRoles } from '../../src/io/roles.js'
import { SshError } from '../../src/io/ssh.js'
import { fakeNode, role } from '../support/fakeNode.js'
import { granted } from './example.js'
import { addressOf, daemonIn, MACS } from './life.js'

/** Nodes that see each other: elections, what they publish, and what a change of one does to the others. */

const [A, B, C] = MACS

/** A role that waits for the election, and on each node writes down who is there. */
const pooled = (more: Partial<Role> = {}) =>
  role([], {
    waits: ({ pool }) => (pool.elected ? undefined : 'waiting for a master'),
    steps: ({ pool }, facts) => {
      const seen = pool.nodes.map(
        ({ name, role, published }) => `${name}=${role}${published['base.key'] ?? ''}`,
      )
      const script = `do hosts ${seen.join(' ')}`
      const step = { id: 'base/hosts', reason: 'the pool changed', script, timeout: 9, tries: 3 }
      return facts['base.seen'] === script ? [] : [step]
    },
    ...more,
  })

/** A daemon whose nodes each remember what they were told last. */
async function pool(t: Test, ...some: Role[]) {
  if (some.length === 0) some.push(pooled())
  const nodes = new Map(
    MACS.map(mac => [
      addressOf(mac),
      fakeNode((told, node) => {
        if (!told.startsWith('do hosts')) return undefined
        node.facts.set('base.seen', told)
        return {}
      }),
    ]),
  )
  const nodeOf = (address: string) => {
    const node = nodes.get(address)
    if (!node) throw new Error(`no node ${address}`)
    return node
  }
  const d = await daemonIn(t, {
    nodes: { roles: async () => some, connect: (node, end) => nodeOf(node.address).connect(node, end) },
  })
  d.rules.roles.push('base')
  const told = async () =>
    (await d.inventory.events({ limit: 1_000 })).flatMap(({ kind, text }) => (kind === 'pool' ? text : []))
  const roles = async () =>
    Object.fromEntries(
      (await d.instances.pools()).flatMap(({ nodes }) =>
        nodes.map(({ name, role }) => [name.slice(-2), role]),
      ),
    )
  const sees = (mac: (typeof MACS)[number]) =>
    nodeOf(addressOf(mac))
      .facts.get('base.seen')
      ?.replace(/^do hosts |node-0001/g, '')
  const minimum = async (n: number) => granted(await d.instances.setMinNodes('default', n))
  return { ...d, told, roles, sees, minimum, node: (mac: (typeof MACS)[number]) => nodeOf(addressOf(mac)) }
}

const terminate = async (d: Awaited<ReturnType<typeof pool>>, id: InstanceId | undefined) =>
  granted(await d.instances.terminate({ instances: [id ?? ''] }))

t.test('the pool waits for its nodes, and elects the first by serial when all else is equal', async t => {
  const d = await pool(t)
  t.match(await d.minimum(3), { name: 'default', minNodes: 3, nodes: [] })
  const first = await d.rise([C, B])
  await d.idle()
  for (const id of first)
    t.match(await d.instances.find(id), {
      ...{ stage: 'converging', note: 'waiting for nodes (2/3)', deadline: undefined, role: undefined },
    })
  t.same(await d.told(), ['default: waiting for nodes (1/3)', 'default: waiting for nodes (2/3)'])
  d.pass(3 * 3600)
  await d.idle()
  t.match(await d.instances.find(first[0] ?? ''), { stage: 'converging' }, 'its time stands still')
  t.match(await d.instances.pools(), [{ name: 'default', minNodes: 3, waiting: 'waiting for nodes (2/3)' }])

  await d.rise([A])
  await d.idle()
  t.same(await d.roles(), { '01': 'master', '02': 'worker', '03': 'worker' })
  for (const mac of [A, B, C]) t.equal(d.sees(mac), '01=master 02=worker 03=worker')
  t.match(
    (await d.told()).at(-1),
    /^default: node-000101 is the master: first of 3 nodes by fewest cores \(4\)/,
  )
  const [view] = await d.instances.pools()
  t.match(view, { waiting: undefined, master: view?.nodes.find(({ role }) => role === 'master')?.id })
  await d.close()
})

t.test('nodes that are being installed are waited for', async t => {
  const d = await pool(t)
  const scoutToken = await d.scout(A)
  const [coming] = await d.run({ filter: [`mac=${A}`] })
  const token = await d.orderToken(scoutToken)
  granted(await d.jobs.report(token, { stage: 'started' }, { address: addressOf(A), mac: A }))
  const [id = ''] = await d.rise([B])
  await d.idle()
  t.match(await d.instances.find(id), { note: 'waiting for node-000101 to be installed' })
  granted(
    await d.jobs.report(token, { stage: 'failed', reason: 'no disk' }, { address: addressOf(A), mac: A }),
  )
  await d.idle()
  t.match(await d.instances.find(id), { state: 'running', role: 'master' })
  t.match(await d.instances.find(coming?.id ?? ''), { state: 'failed', role: undefined })
  await d.close()
})

t.test('a master is kept, and another one elected when it goes', async t => {
  const d = await pool(t)
  await d.minimum(3)
  const [b, , a] = await d.rise([B, C, A])
  await d.idle()
  t.same(await d.roles(), { '01': 'master', '02': 'worker', '03': 'worker' })
  await terminate(d, a)
  await d.idle()
  t.same(await d.roles(), { '02': 'master', '03': 'worker' }, 'though fewer are left than it waited for')
  t.match(
    (await d.told()).at(-1),
    /node-000102 is the master: .*; the one before, node-000101, is shutting-down/,
  )
  for (const mac of [B, C]) t.equal(d.sees(mac), '02=master 03=worker', 'the others know')

  d.node(B).connect = async () => Promise.reject(new SshError('unreachable', 'away'))
  await d.minimum(1)
  granted(await d.instances.converge({ user: 'demo' }))
  for (let n = 0; n < 12; n++) {
    await d.idle()
    d.pass(60)
  }
  t.match(await d.instances.find(b ?? ''), { state: 'running', role: 'master', reason: 'away' })
  t.match((await d.instances.pools())[0]?.nodes, [{ impaired: 'away' }, { impaired: undefined }])
  await terminate(d, b)
  await d.idle()
  t.same(await d.roles(), { '03': 'master' })
  await d.close()
})

t.test('a master that fails on its way: another one is elected', async t => {
  const d = await pool(t)
  const connect = d.node(A).connect
  d.node(A).connect = async (...given) => ({
    ...(await connect(...given)),
    run: async ({ script }) =>
      script.includes('muster-facts-begin')
        ? { code: 0, stdout: 'muster-facts-begin\nos.id=debian\nmuster-facts-end\n', stderr: '' }
        : { code: 1, stdout: 'no space', stderr: '' },
  })
  const [a = ''] = await d.rise([A])
  t.same(await d.roles(), { '01': 'master' })
  await d.rise([B])
  for (let n = 0; n < 3; n++) {
    await d.idle()
    d.pass(60)
  }
  t.match(await d.instances.find(a), { state: 'failed', reason: 'step base/hosts failed 3 times: no space' })
  t.same(await d.roles(), { '02': 'master' })
  t.match(
    (await d.told()).at(-1),
    /node-000102 is the master: the only node; the one before, node-000101, has failed$/,
  )
  t.equal(d.sees(B), '02=master')
  await d.close()
})

t.test('a stronger or weaker node that comes later is a worker', async t => {
  const d = await pool(t)
  await d.rise([C])
  await d.idle()
  await d.rise([A])
  await d.idle()
  t.same(await d.roles(), { '01': 'worker', '03': 'master' })
  t.equal((await d.told()).length, 1)
  await d.close()
})

t.test('two changes at once: all see the last state', async t => {
  const d = await pool(t)
  const [, b] = await d.rise([A, B, C])
  await d.idle()
  await Promise.all([terminate(d, b), d.rise([MACS[3]]), d.reconciler.pass()])
  await d.idle()
  for (const mac of [A, C, MACS[3]]) t.equal(d.sees(mac), '01=master 03=worker 04=worker')
  await d.close()
})

t.test('what a node publishes reaches the others, and goes with it', async t => {
  const d = await pool(t, pooled({ publishes: ['key'], factScripts: () => ({ key: 'cat key' }) }))
  await d.rise([A, B])
  d.node(A).facts.set('base.key', '+k1')
  await d.idle()
  t.same([d.sees(A), d.sees(B)], ['01=master+k1 02=worker', '01=master+k1 02=worker'])
  d.node(A).facts.set('base.key', '+k2')
  granted(await d.instances.converge({ instances: ['node-000101'] }))
  await d.idle()
  t.equal(d.sees(B), '01=master+k2 02=worker')
  d.node(A).facts.delete('base.key')
  granted(await d.instances.converge({ instances: ['node-000101'] }))
  await d.idle()
  t.equal(d.sees(B), '01=master 02=worker')
  await d.close()
})

t.test('a node that is moved into another group', async t => {
  const d = await pool(t)
  await d.rise([A, B, C])
  await d.idle()
  granted(await d.inventory.change('node-000101', { group: 'other' }))
  await d.idle()
  t.same(await d.roles(), { '01': 'master', '02': 'master', '03': 'worker' })
  t.match(
    (await d.told()).filter(text => text.startsWith('default')).at(-1),
    /node-000102 is the master: .*; the one before, node-000101, is in group other now/,
  )
  t.same([d.sees(A), d.sees(B)], ['01=master', '02=master 03=worker'])
  await d.close()
})

t.test('an owner asks for fewer nodes', async t => {
  const d = await pool(t)
  await d.minimum(2)
  const [id = ''] = await d.rise([A])
  await d.idle()
  t.match(await d.instances.find(id), { stage: 'converging' })
  t.match(await d.minimum(1), { minNodes: 1, waiting: undefined, nodes: [{ role: 'master' }] })
  await d.idle()
  t.match(await d.instances.find(id), { state: 'running' })
  t.match(await d.instances.setMinNodes('no such name!', 1), { refused: 'invalid' })
  await d.close()
})

t.test('rules that ask for nodes', async t => {
  const d = await pool(t)
  Object.assign(d.rules, { minNodes: (group: string) => (group === 'default' ? 2 : 1) })
  await d.rise([A])
  t.match(await d.instances.pools(), [{ minNodes: 2, waiting: 'waiting for nodes (1/2)' }])
  await d.close()
})

t.test('nodes without roles are in no pool', async t => {
  const d = await pool(t)
  d.rules.roles.pop()
  const [id = ''] = await d.rise([A])
  await d.idle()
  t.match(await d.instances.find(id), { state: 'running', role: undefined })
  t.same(await d.instances.pools(), [])
  t.equal(d.node(A).connections, 0)
  await d.close()
})

t.test('the shipped role of workers waits for the election, and then for the key of the master', async t => {
  const roles = granted(await openRoles({ folder: '/nonexistent' }).named(['worker']))
  const key = { publishes: ['public_key'], factScripts: () => ({ public_key: 'cat key' }) }
  const d = await pool(t, ...roles, role([], { name: 'master', order: 2, ...key }))
  await d.minimum(2)
  const [b = ''] = await d.rise([B])
  await d.idle()
  t.match(await d.instances.find(b), { stage: 'converging', note: 'waiting for nodes (1/2)' })
  const [a = ''] = await d.rise([A])
  await d.idle()
  t.match(await d.instances.find(a), { state: 'running', role: 'master' })
  t.match(await d.instances.find(b), { stage: 'converging', note: 'the key of the master node-000101' })
  d.node(A).facts.set('master.public_key', 'ssh-ed25519 AAAA')
  granted(await d.instances.converge({ instances: [a] }))
  await d.idle()
  t.match(await d.instances.find(b), { state: 'running', role: 'worker' })
  await d.close()
})
