import { join } from 'node:path'
import t, { type Test } from 'tap'
import type {
  HandOut,
  InstanceId,
  InstanceRecord,
  Reservation,
  ReservationId,
} from '../../src/core/instance.js'
import type { Machine, MachineId } from '../../src/core/machine.js'
import { MIGRATIONS, migrate } from '../../src/io/migrations.js'
import { openDatabase } from '../../src/io/sqlite.js'
import { openStore } from '../../src/io/store.js'
import { AT, M1, M2, quiet } from '../control/example.js'
import { PROFILE } from '../support/installJobs.js'
import { stateDir } from '../support/stateDir.js'

const id = (n: number) => `m-${n.toString(16).padStart(12, '0')}` as MachineId

const machine = (n: number, more: Partial<Machine> = {}): Machine => ({
  ...{ id: id(n), name: `node-${n}`, group: 'default', state: 'discovered', localBoot: 'auto' },
  ...{ macs: [M1], firstSeen: AT, lastSeen: AT },
  ...more,
})

const RESERVATION: Reservation = {
  ...{ id: 'r-1' as ReservationId, user: 'demo', at: AT, clientToken: 'once' },
}

const instance = (n: number, on: number, more: Partial<InstanceRecord> = {}): InstanceRecord => ({
  ...{ id: `i-${n}` as InstanceId, reservation: RESERVATION.id, machine: id(on), system: `node-${on}` },
  ...{ group: 'default', name: `web-${n}`, user: 'demo', profile: PROFILE.name, snapshot: PROFILE },
  ...{ phase: 'reserved', since: AT, launched: AT, attempts: 0, disk: '/dev/sda', touched: false },
  ...{ wipe: 'none', powerOff: false, tries: 0, tags: {} },
  ...{ turning: false, misses: 0, passSteps: 0 },
  ...more,
})

/** Two machines, a reservation of the first, and an instance on it. */
async function opened(t: Test) {
  const store = await openStore(stateDir(t), quiet)
  await store.transaction(async tx => {
    for (const n of [1, 2]) await tx.insert(machine(n))
    await tx.addReservation(RESERVATION)
    await tx.hold(id(1), RESERVATION.id)
    await tx.addInstance(instance(1, 1), Buffer.from('#!/bin/sh\n\0'))
  })
  t.teardown(() => store.close())
  return store
}

t.test('an instance comes back as it was saved', async t => {
  const store = await opened(t)
  const whole = instance(1, 1, {
    ...{ phase: 'running', deadline: AT, attempts: 2, percent: 41, note: 'writing', reason: 'why' },
    ...{ touched: true, installedAt: AT, address: '192.0.2.1', hostName: 'web', hostKeys: ['ssh-rsa A'] },
    ...{ wipe: 'full', powerOff: true, tries: 3, nextTry: AT, tags: { a: '1', 'b "quoted"': '' } },
  })
  await store.transaction(async tx => {
    await tx.saveInstance(whole)
    await tx.setTags(whole.id, whole.tags)
  })
  t.same(await store.instance(whole.id), whole)
  t.same(await store.userData(whole.id), Buffer.from('#!/bin/sh\n\0'))
  t.same(await store.reservationOf('demo', 'once'), RESERVATION)
  t.match(await store.brief(id(1)), {
    hold: { reservation: 'r-1', user: 'demo' },
    instance: { id: 'i-1', phase: 'running', installed: true },
  })
  for (const found of ['i-1', 'web-1', 'node-1']) t.equal((await store.findInstance(found))?.id, 'i-1', found)
  t.same(await store.nextDue(), AT)
})

t.test('what the database itself forbids', async t => {
  for (const [name, work, message] of [
    ['two instances on one machine', 'addInstance', /UNIQUE constraint failed: instances.machine/],
    ['two instances of one name', 'sameName', /UNIQUE constraint failed: instances.name/],
    ['a client token twice', 'token', /UNIQUE constraint failed: reservations.user_name/],
    ['two records that both carry one', 'fold', /UNIQUE constraint failed/],
  ] as const)
    t.test(name, async t => {
      const store = await opened(t)
      const tries = store.transaction(async tx => {
        if (work === 'addInstance') await tx.addInstance(instance(2, 1))
        if (work === 'sameName') await tx.addInstance(instance(2, 2, { name: 'web-1' }))
        if (work === 'token') await tx.addReservation({ ...RESERVATION, id: 'r-2' as ReservationId })
        if (work === 'fold') {
          await tx.addInstance(instance(2, 2))
          await tx.fold(id(2), id(1))
        }
      })
      await t.rejects(tries, { message })
      t.equal((await store.list()).length, 2, 'nothing was done')
    })
})

t.test('an instance moves with its machine', async t => {
  const store = await opened(t)
  await store.transaction(async tx => {
    await tx.setTags(id(1), { rack: '2', row: 'a' })
    await tx.setTags(id(2), { rack: '3' })
    await tx.fold(id(1), id(2))
  })
  t.match(await store.list(), [
    { id: id(2), hold: { user: 'demo' }, instance: { id: 'i-1' }, tags: { rack: '3', row: 'a' } },
  ])
  t.match(await store.liveInstance(id(2)), { id: 'i-1', system: 'node-2' })
})

t.test('a flood takes nothing that the owner spoke of', async t => {
  const store = await openStore(stateDir(t), quiet)
  await store.transaction(async tx => {
    for (const n of [1, 2, 3, 4, 5])
      await tx.insert(machine(n, { state: 'seen', macs: [M2], ...(n === 1 && { profile: 'debian-12' }) }))
    await tx.setTags(id(2), { mine: '' })
    await tx.addReservation(RESERVATION)
    await tx.hold(id(3), RESERVATION.id)
    await tx.addInstance(instance(1, 4))
    t.equal(await tx.forgetObserved(100), 1)
  })
  t.same(
    (await store.list()).map(one => one.id),
    [1, 2, 3, 4].map(id),
  )
  await store.close()
})

t.test('hand-outs', async t => {
  const store = await opened(t)
  const handOut = (hash: string, more: Partial<HandOut> = {}): HandOut => ({
    ...{ hash, instance: 'i-1' as InstanceId, task: 'install', at: AT, used: false, current: true },
    ...more,
  })
  const current = async () => [
    (await store.currentHandOut('i-1' as InstanceId, 'wipe'))?.hash,
    (await store.currentHandOut('i-1' as InstanceId, 'phone'))?.hash,
  ]
  t.equal(await store.wasHandedOut('i-1' as InstanceId), false)
  await store.transaction(async tx => {
    await tx.addHandOut(handOut('a', { address: '192.0.2.1', scout: 's' }))
    await tx.addHandOut(handOut('b'))
    await tx.addHandOut(handOut('p', { task: 'phone' }))
  })
  t.same(await current(), ['b', 'p'], 'one of the installer, one for phoning home')
  t.same(await store.handOut('a'), handOut('a', { address: '192.0.2.1', scout: 's', current: false }))
  await store.transaction(async tx => {
    await tx.renewHandOut('b', 'c')
    await tx.useHandOut('c')
  })
  t.same(await store.handOut('c'), handOut('c', { used: true }))
  t.equal(await store.handOut('b'), undefined)
  await store.transaction(tx => tx.endHandOuts('i-1' as InstanceId))
  t.same(await current(), [undefined, undefined])
  t.equal(await store.wasHandedOut('i-1' as InstanceId), true)
})

t.test('the database of an older muster', async t => {
  const folder = stateDir(t)
  const path = join(folder, 'muster.db')
  const database = await openDatabase(path)
  await migrate(database, path, MIGRATIONS.slice(0, 1))
  await database.transaction(query =>
    query.run(
      `INSERT INTO machines (id, name, group_name, state, local_boot, first_seen, last_seen)
       VALUES ('m-1', 'oak', 'default', 'discovered', 'auto', 0, 0)`,
    ),
  )
  await database.close()
  const store = await openStore(folder, quiet)
  t.match(await store.list(), [{ name: 'oak', hold: undefined, instance: undefined, tags: undefined }])
  await store.close()
})
