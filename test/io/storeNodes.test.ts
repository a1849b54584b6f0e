import t from 'tap'
import type { InstanceId, InstanceRecord, ReservationId } from '../../src/core/instance.js'
import type { Machine, MachineId } from '../../src/core/machine.js'
import { openStore } from '../../src/io/store.js'
import { AT, M1, quiet } from '../control/example.js'
import { PROFILE } from '../support/installJobs.js'
import { stateDir } from '../support/stateDir.js'

const id = 'i-1' as InstanceId
const machine: Machine = {
  ...{ id: 'm-1' as MachineId, name: 'node-1', group: 'pool', state: 'discovered', localBoot: 'auto' },
  ...{ macs: [M1], firstSeen: AT, lastSeen: AT },
}
const instance: InstanceRecord = {
  ...{ id, reservation: 'r-1' as ReservationId, machine: machine.id, system: 'node-1', group: 'pool' },
  ...{ name: 'web', user: 'demo', profile: PROFILE.name, snapshot: PROFILE, phase: 'running', tags: {} },
  ...{ since: AT, launched: AT, attempts: 0, disk: '/dev/sda', touched: false, wipe: 'none' },
  ...{ powerOff: false, tries: 0, turning: false, misses: 0, passSteps: 0 },
}
const begun = { instance: id, step: 'base/files', reason: 'differs', digest: 'd', started: AT, tries: 1 }

const store = await openStore(stateDir(t), quiet)
t.teardown(() => store.close())
await store.transaction(async tx => {
  await tx.insert(machine)
  await tx.addReservation({ id: instance.reservation, user: 'demo', at: AT })
  await tx.addInstance(instance)
})

t.test('steps, from their beginning to their end', async t => {
  const [first, second] = await store.transaction(async tx => [
    await tx.beginNodeStep(begun),
    await tx.beginNodeStep({ ...begun, tries: 2 }),
  ])
  await store.transaction(async tx => {
    await tx.endNodeStep(first ?? 0, { state: 'failed', ended: AT, output: 'no' })
    await tx.interruptNodeSteps(id, AT)
  })
  const ended = { ...begun, ended: AT }
  t.same(await store.nodeSteps(id), [
    { ...ended, id: first, state: 'failed', output: 'no' },
    { ...ended, id: second, tries: 2, state: 'interrupted', output: '' },
  ])
  t.match(await store.lastNodeStep(id), { id: second })
  t.same(await store.stepsOfPass(id, 9), [{ step: 'base/files', state: 'failed', tries: 1 }])
  t.same(await store.stepsOfPass(id, 0), [])
  await store.transaction(async tx => {
    for (let n = 0; n < 120; n++) await tx.beginNodeStep(begun)
  })
  t.equal((await store.nodeSteps(id)).length, 100, 'the last ones are kept')
  t.equal(await store.lastNodeStep('i-2' as InstanceId), undefined)
})

t.test('what a node publishes', async t => {
  const set = (values: Record<string, string>) => store.transaction(tx => tx.setNodeValues(id, values))
  const told = async () => (await store.nodeValues('pool')).get(id)
  t.equal(await set({ 'base.a': '1', 'base.b': 'x y' }), true)
  t.same(await told(), { 'base.a': '1', 'base.b': 'x y' })
  t.equal(await set({ 'base.b': 'x y', 'base.a': '1' }), false, 'the same again')
  t.equal(await set({ 'base.a': '2', 'base.b': 'x y' }), true)
  t.equal(await set({ 'base.a': '2' }), true, 'one less')
  t.same(await told(), { 'base.a': '2' })
  t.equal((await store.nodeValues('other')).size, 0)
})

t.test('pools, and the roles that follow from them', async t => {
  const save = (pool: Parameters<Parameters<Parameters<typeof store.transaction>[0]>[0]['savePool']>[0]) =>
    store.transaction(tx => tx.savePool(pool))
  t.same(await store.pool('pool'), { name: 'pool', minNodes: 1 })
  await save({ name: 'pool', minNodes: 3, waiting: 'for nodes' })
  t.same(await store.pools(), [{ name: 'pool', minNodes: 3, waiting: 'for nodes' }])
  t.equal((await store.instance(id))?.role, undefined)
  await save({ name: 'pool', minNodes: 3, master: id })
  t.equal((await store.instance(id))?.role, 'master')
  await save({ name: 'pool', minNodes: 1, master: 'i-9' as InstanceId })
  t.equal((await store.instance(id))?.role, 'worker')
  t.match(await store.instancesIn('pool'), [{ id }])
  await save({ name: 'pool', minNodes: 1 })
  t.same(await store.pools(), [], 'a pool as every group begins is not kept')
})

t.test('when a node is due', async t => {
  await store.transaction(tx => tx.saveInstance({ ...instance, convergeAt: AT, misses: 2, passSteps: 1 }))
  t.match(await store.instance(id), { convergeAt: AT, misses: 2, passSteps: 1 })
  t.match(await store.dueInstances(AT), [{ id }])
  t.same(await store.nextDue(), AT)
  await store.transaction(tx => tx.save({ ...machine, state: 'protected' }))
  t.same(await store.dueInstances(AT), [], 'not while its machine is protected')
  t.equal(await store.nextDue(), undefined)
  await store.transaction(tx => tx.save(machine))
  await store.transaction(tx => tx.saveInstance({ ...instance, convergeAt: AT, turning: true }))
  t.same(await store.dueInstances(AT), [], 'not while it is worked on')
  t.equal(await store.nextDue(), undefined)
  t.same(await store.turning(), [id])

  // nodes that nobody looks at in time: here, as it is the same instance
  const LATER = new Date(AT.getTime() + 1)
  for (const [name, node, want] of [
    ['none is set', {}, [{ id }]],
    ['later', { convergeAt: LATER }, [{ id }]],
    ['in time', { convergeAt: AT }, []],
    ['it is worked on', { turning: true }, []],
    ['it is no node any more', { phase: 'failed' }, []],
  ] as const) {
    await store.transaction(tx => tx.saveInstance({ ...instance, ...node }))
    t.match(await store.nodesNotLookedAtBy(AT), want, name)
    t.equal((await store.nodesNotLookedAtBy(AT)).length, want.length, name)
  }
})
