import t from 'tap'
import type { InstanceId } from '../../src/core/instance.js'
import type { Role } from '../../src/core/role.js'
import { SshError } from '../../src/io/ssh.js'
import { fakeNode, role, step } from '../support/fakeNode.js'
import { stateDir as makeStateDir } from '../support/stateDir.js'
import { granted } from './example.js'
import { LATER, MACS } from './life.js'
import { daemonOf } from './nodesOf.js'

/** When nodes are looked at again by themselves, and that no pass goes on for ever. */

const STEPS = [step('one'), step('two')]
const HOUR = 3600
const DAY = 24 * HOUR

t.test('drift is looked for as often as the owner says', async t => {
  const d = await daemonOf(t, [role(STEPS)], fakeNode(), { nodes: { driftCheck: HOUR } })
  const [id = ''] = await d.rise([MACS[0]])
  await d.idle()
  d.node.facts.delete('base.two')
  d.node.told.length = 0
  d.pass(3_590)
  await d.idle()
  t.same(d.node.told, [])
  d.pass(20)
  await d.idle()
  t.same(d.node.told, ['facts', 'do two', 'facts', 'check'])
  t.match(await d.instances.find(id), { state: 'running' })
  await d.close()
})

t.test('unless the owner says more, a node is looked at in time for its certificate', async t => {
  const d = await daemonOf(t, [role(STEPS)])
  await d.rise([MACS[0]])
  await d.idle()
  d.node.told.length = 0
  for (let day = 0; day < 31; day++) {
    await d.idle()
    d.pass(DAY)
  }
  t.same(d.node.told, ['facts', 'check', 'facts', 'check', 'facts', 'check'])
  await d.close()
})

t.test('after a failure, too', async t => {
  for (const [name, driftCheck, pause] of [
    ['as often as the owner says', 600, 620],
    ['within an hour, if that is not often', undefined, HOUR + 20],
    ['the same', 5 * HOUR, HOUR + 20],
  ] as const)
    t.test(name, async t => {
      let broken = false
      const node = fakeNode(told => (told === 'do two' && broken ? { code: 1, out: 'no space' } : undefined))
      const d = await daemonOf(t, [role(STEPS)], node, { nodes: { driftCheck } })
      const [id = ''] = await d.rise([MACS[0]])
      await d.idle()
      broken = true
      node.facts.delete('base.two')
      granted(await d.instances.converge({ instances: [id] }))
      for (let n = 0; n < 3; n++) {
        await d.idle()
        d.pass(5)
      }
      const reason = 'step base/two failed 3 times: no space'
      t.match(await d.instances.find(id), { state: 'running', reason })
      node.told.length = 0
      await d.idle()
      t.same(node.told, [])
      broken = false
      d.pass(pause)
      await d.idle()
      t.same(node.told, ['facts', 'do two', 'facts', 'check'])
      t.match(await d.instances.find(id), { state: 'running', reason: undefined })
      await d.close()
    })
})

t.test('a running node that showed another host key is asked again', async t => {
  let strange = false
  const stranger = new SshError('stranger', '192.0.2.11 shows another SSH host key')
  const node = fakeNode(told => (told === 'connect' && strange ? stranger : undefined))
  const d = await daemonOf(t, [role(STEPS)], node)
  const [id = ''] = await d.rise([MACS[0]])
  await d.idle()
  strange = true
  granted(await d.instances.converge({}))
  await d.idle()
  t.match(await d.instances.find(id), { state: 'running', reason: /another SSH host key/ })
  strange = false
  d.pass(HOUR + 20)
  await d.idle()
  t.match(await d.instances.find(id), { state: 'running', reason: undefined })
  await d.close()
})

t.test('the setting changes: nodes that run follow it from the next start on', async t => {
  const stateDir = makeStateDir(t)
  const first = await daemonOf(t, [role(STEPS)], fakeNode(), { stateDir })
  await first.rise([MACS[0]])
  await first.idle()
  await first.store.transaction(async tx => {
    for (const { convergeAt: _, ...node } of await tx.instances({})) await tx.saveInstance(node) // as earlier ones left it
  })
  await first.close()
  let at = LATER.getTime()
  let seed = 0
  for (const [driftCheck, pause, looks] of [
    [undefined, 5 * DAY, 0],
    [undefined, 6 * DAY, 1],
    [HOUR, HOUR + 20, 1],
    [undefined, HOUR + 20, 1], // the one that it had been given
    [undefined, DAY, 0],
  ] as const) {
    const options = { stateDir, seed: `${seed++}`, at: new Date(at), nodes: { driftCheck } }
    const d = await daemonOf(t, [role(STEPS)], fakeNode(), options)
    for (const name of ['one', 'two']) d.node.facts.set(`base.${name}`, 'yes')
    await d.idle()
    t.equal(d.node.connections, 0, 'not at the start')
    d.pass(pause)
    await d.idle()
    t.equal(d.node.connections, looks, `${driftCheck}, after ${pause} s`)
    await d.close()
    at = d.now().getTime()
  }
})

t.test('a protected machine is left alone, and looked at when it is not any more', async t => {
  const d = await daemonOf(t, [role(STEPS)])
  const [id = ''] = await d.rise([MACS[0]])
  await d.idle()
  const system = (await d.instances.find(id))?.system ?? ''
  granted(await d.inventory.apply(system, 'protect'))
  await d.rise([MACS[1]]) // which the first one is to see
  d.pass(11 * DAY)
  await d.idle()
  t.equal(d.node.connections, 2, 'only the other one')
  const next = await d.store.nextDue()
  t.ok(next && next > d.now(), 'and it is not asked for all the time')
  granted(await d.inventory.apply(system, 'unprotect'))
  await d.idle()
  t.equal(d.node.connections, 3)
  await d.close()
})

t.test('who waits for a place is not overdue', async t => {
  let go: () => void = () => undefined
  const gate = new Promise<void>(resolve => (go = resolve))
  const node = fakeNode(async told => {
    if (told === 'connect' && node.connections === 1) await gate
    return undefined
  })
  const d = await daemonOf(t, [role(STEPS)], node, { nodes: { atOnce: 1 } })
  const [first = '', second = ''] = await d.rise(MACS.slice(0, 2))
  for (let n = 0; n < 35; n++) {
    await d.reconciler.pass()
    d.pass(60)
  }
  t.match(await d.instances.find(second), { stage: 'converging', deadline: undefined })
  t.match(await d.instances.find(first), { state: 'failed', reason: /not made a node within 30 min/ })
  go()
  await d.idle()
  t.match(await d.instances.find(second), { state: 'running' })
  await d.close()
})

t.test('the time that is told is the one it had', async t => {
  const away = new SshError('unreachable', 'away')
  const node = fakeNode(told => (told === 'connect' ? away : undefined))
  const d = await daemonOf(t, [role(STEPS)], node)
  const [id = ''] = await d.rise([MACS[0]])
  d.pass(45 * 60) // nobody had time for it
  for (let n = 0; n < 32; n++) {
    await d.idle()
    d.pass(60)
  }
  t.match(await d.instances.find(id), { state: 'failed', reason: /within 30 min, the last was: away/ })
  await d.close()
})

t.test('a node that waits for something of its own', async t => {
  let ready = false
  const waits = () => (ready ? undefined : 'waiting for its disk')
  const d = await daemonOf(t, [role(STEPS, { waits })])
  const [id = ''] = await d.rise([MACS[0]])
  await d.idle()
  t.match(await d.instances.find(id), { note: 'waiting for its disk', deadline: undefined })
  d.pass(30)
  await d.idle()
  t.equal(d.node.connections, 1)
  for (let n = 0; n < 60; n++) {
    d.pass(61)
    await d.idle()
  }
  t.equal(d.node.connections, 61, 'once a minute')
  t.match(await d.instances.find(id), { stage: 'converging' }, 'and its time stands still')
  t.equal((await d.told('step')).filter(text => /its disk/.test(text)).length, 1, 'told once')
  ready = true
  d.pass(61)
  await d.idle()
  t.match(await d.instances.find(id), { state: 'running' })
  await d.close()
})

t.test('a node whose pool waits is not asked meanwhile', async t => {
  const waits: Role['waits'] = ({ pool }) => (pool.elected ? undefined : 'waiting for a master')
  const d = await daemonOf(t, [role(STEPS, { waits })])
  granted(await d.instances.setMinNodes('default', 2))
  const [id = ''] = await d.rise([MACS[0]])
  for (let n = 0; n < 60; n++) {
    await d.idle()
    d.pass(61)
  }
  t.equal(d.node.connections, 1)
  t.match(await d.instances.find(id), { stage: 'converging', note: 'waiting for nodes (1/2)' })
  await d.close()
})

/** Two steps of which each makes the other one due; `undone` says whether they do so now. */
const rivals = (undone: () => boolean) =>
  fakeNode((told, node) => {
    const [own, other] = told === 'do one' ? ['one', 'two'] : ['two', 'one']
    if (!told.startsWith('do ') || !undone()) return undefined
    node.facts.set(`base.${own}`, 'yes')
    node.facts.delete(`base.${other}`)
    return {}
  })

t.test('steps that undo each other', async t => {
  let undone = true
  const node = rivals(() => undone)
  const d = await daemonOf(t, [role(STEPS)], node)
  const [id = ''] = await d.rise([MACS[0]])
  await d.idle()
  const reason = 'after 100 steps it is still not as wanted: base/one, base/two undo each other'
  t.match(await d.instances.find(id), { state: 'failed', reason })
  t.equal(node.told.filter(told => told.startsWith('do ')).length, 100)

  undone = false
  granted(await d.instances.converge({ instances: [id] }))
  await d.idle()
  t.match(await d.instances.find(id), { state: 'running', reason: undefined })

  undone = true
  node.facts.delete('base.one')
  node.told.length = 0
  granted(await d.instances.converge({ instances: [id] }))
  await d.idle()
  t.match(await d.instances.find(id), { state: 'running', reason })
  t.equal(node.told.filter(told => told.startsWith('do ')).length, 100, 'it is impaired, and left in peace')
  await d.close()
})

t.test('steps that undo each other are counted over connections and restarts', async t => {
  let cuts = 0
  const node = rivals(() => true)
  const connect = node.connect
  const dying: typeof connect = async (...given) => {
    const session = await connect(...given)
    let left = 20
    const run: typeof session.run = one =>
      left-- > 0 ? session.run(one) : Promise.reject(new SshError('unreachable', `cut ${cuts++}`))
    return { ...session, run }
  }
  const d = await daemonOf(t, [role(STEPS)], node, { nodes: { connect: dying } })
  const [id = ''] = await d.rise([MACS[0]])
  for (let n = 0; n < 20; n++) {
    await d.idle()
    d.pass(5)
  }
  t.ok(cuts > 3)
  t.match(await d.instances.find(id), { state: 'failed', reason: /base\/one, base\/two undo each other/ })
  await d.close()
})

for (const [name, answer] of [
  ['that fails', { code: 1, out: 'no' }],
  ['that changes nothing', {}],
] as const)
  t.test(`a step ${name}, and whose script is another one each time`, async t => {
    let made = 0
    const node = fakeNode(told => (told.startsWith('do one') ? answer : undefined))
    const steps = () => [step('one', { script: `do one ${made++}`, tries: 2 })]
    const d = await daemonOf(t, [role([], { steps })], node)
    const [id = ''] = await d.rise([MACS[0]])
    for (let n = 0; n < 5; n++) {
      await d.idle()
      d.pass(60)
    }
    const ran = node.told.filter(told => told.startsWith('do ')).length
    const { reason } = (await d.instances.find(id)) ?? {}
    if ('code' in answer) t.match([ran, reason], [2, 'step base/one failed 2 times: no'])
    else t.match([ran, reason], [100, /after 100 steps .*: base\/one is due again and again$/])
    await d.close()
  })

t.test('a step that fails is counted while others are done between', async t => {
  const node = fakeNode((told, node) => {
    if (told !== 'do two') return undefined
    node.facts.delete('base.one')
    return { code: 1, out: 'no' }
  })
  const d = await daemonOf(t, [role(STEPS)], node)
  const [id = ''] = await d.rise([MACS[0]])
  for (let n = 0; n < 6; n++) {
    await d.idle()
    d.pass(60)
  }
  t.match(await d.instances.find(id), { state: 'failed', reason: 'step base/two failed 3 times: no' })
  t.same(
    (await d.instances.steps(id))?.map(({ step, tries }) => `${step} ${tries}`),
    ['base/one 1', 'base/two 1', 'base/one 1', 'base/two 2', 'base/one 1', 'base/two 3'],
  )
  await d.close()
})

t.test('what is told as done is of the whole pass', async t => {
  let broken = true
  const node = fakeNode(told => (told === 'do two' && broken ? { code: 1 } : undefined))
  const d = await daemonOf(t, [role(STEPS)], node)
  const [id = ''] = (await d.rise([MACS[0]])) as InstanceId[]
  await d.idle()
  broken = false
  d.pass(5)
  await d.idle()
  t.match(await d.instances.find(id ?? ''), { state: 'running' })
  t.match((await d.told('instance')).at(-1), /converging -> running: .* after 2 steps/)
  await d.close()
})
