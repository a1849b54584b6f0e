import { EventEmitter, once } from 'node:events'
import t from 'tap'
import type { Inventory } from '../../src/control/inventory.js'
import { createWaiting } from '../../src/control/sightings.js'
import type { Facts } from '../../src/core/facts.js'
import type { Machine } from '../../src/core/machine.js'
import { isRefusal } from '../../src/core/refusal.js'
import type { IpxeReport } from '../../src/core/sighting.js'
import type { Mac } from '../../src/wire/mac.js'
import { stateDir as makeStateDir } from '../support/stateDir.js'
import { facts, granted, inventoryIn, M1, M2, M3, mac, report, sighting, U1, U2 } from './example.js'

const kinds = async (inventory: Inventory, machine?: string) =>
  (await inventory.events({ limit: 100, ...(machine === undefined ? {} : { machine }) })).map(
    event => event.kind,
  )

/** iPXE asks and the scout of that boot posts its facts. */
async function discovered(
  inventory: Inventory,
  hardware: Facts,
  more: Partial<IpxeReport> = {},
): Promise<Machine> {
  const scout = await netbooted(inventory, hardware.bootMac, more)
  return granted(await inventory.recordFacts(scout, hardware, '192.0.2.10'))
}

async function netbooted(inventory: Inventory, from: Mac, more: Partial<IpxeReport> = {}): Promise<Machine> {
  const { scoutToken = '' } = await inventory.booted(report(from, more))
  const scout = await inventory.scoutOf(scoutToken)
  if (!scout) throw new Error('the token that was just made is unknown')
  return scout
}

t.test('from a packet to the facts', async t => {
  const { inventory, close } = await inventoryIn(t)
  inventory.sighted(sighting(M1))
  inventory.sighted(sighting(M1))
  await inventory.flush()
  const [seen] = await inventory.list()
  t.match(seen, { name: 'node-000001', group: 'default', state: 'seen', macs: [M1], firmware: 'uefi' })
  t.match(seen?.id, /^m-[0-9a-f]{12}$/)

  const told = { uuid: U1, manufacturer: 'Example', serial: 'S-1001', memsize: 8191, cores: 4 }
  const boot = await inventory.booted(report(M1, told))
  t.equal(boot.machine.id, seen?.id, 'the same machine')
  t.equal(boot.target, 'scout')
  t.match(boot.machine, { vendor: 'Example', serial: 'S-1001', memory: 8191 * 2 ** 20, cores: 4, uuid: U1 })
  t.match(boot.scoutToken, /^[0-9a-f]{32}$/)

  const scout = await inventory.scoutOf(boot.scoutToken ?? '')
  t.equal(scout?.id, seen?.id)
  if (!scout) return
  const known = granted(await inventory.recordFacts(scout, facts([M1, M2], { uuid: U1 }), '192.0.2.10'))
  t.match(known, { id: seen?.id, state: 'discovered', cores: 4, macs: [M1, M2], disks: [{ name: 'sda' }] })
  t.match((await inventory.find('node-000001'))?.facts?.cpu, { cores: 4 })
  t.equal((await inventory.find(M2.toUpperCase()))?.id, known.id, 'found by any of its MACs')
  t.equal((await inventory.list())[0]?.facts, undefined, 'a list goes without facts')
  t.same(await kinds(inventory), ['seen', 'netbooted', 'facts', 'state'])
  await close()
})

t.test('a packet is listed without a flush, in a moment', async t => {
  const { inventory, close } = await inventoryIn(t)
  const written = new EventEmitter()
  inventory.onChange(what => written.emit('change', what))
  inventory.sighted(sighting(M1))
  inventory.sighted(sighting(mac('ff:ff:ff:ff:ff:ff'), { why: 'nobody' }))
  const [what] = await once(written, 'change', { signal: AbortSignal.timeout(2_000) })
  const machines = await inventory.list()
  t.same(
    machines.map(machine => machine.macs),
    [[M1]],
  )
  t.same(what, { machine: machines[0]?.id })
  await close()
})

t.test('more sightings than fit are dropped and counted', async t => {
  const waiting = createWaiting()
  const nth = (n: number) => sighting(mac(`5254${n.toString(16).padStart(8, '0')}`))
  for (let n = 0; n < 5_000; n++) waiting.add(nth(n))
  t.equal(waiting.dropped(), 5_000 - 4_096)
  waiting.add(nth(1))
  t.equal(waiting.dropped(), 5_000 - 4_096, 'what waits already costs nothing')
  t.same(waiting.takeOf(nth(1).mac), [nth(1)])
  t.equal(waiting.takeAll().sightings.length, 4_095)
  t.ok(waiting.empty())
})

t.test('posting again', async t => {
  const { inventory, close } = await inventoryIn(t)
  const first = await discovered(inventory, facts([M1], { uuid: U1 }))
  const before = await kinds(inventory)
  const again = granted(await inventory.recordFacts(first, facts([M1], { uuid: U1 }), '192.0.2.10'))
  t.ok(again.lastSeen > first.lastSeen)
  t.same({ ...again, lastSeen: 0 }, { ...first, lastSeen: 0 }, 'the same facts change nothing else')
  t.same(await kinds(inventory), before)

  granted(await inventory.recordFacts(first, facts([M1], { uuid: U1, memory: 16 }), '192.0.2.10'))
  const [event] = (await inventory.events({ limit: 1 })).slice(-1)
  t.match(event, { kind: 'facts-changed', machine: first.id })
  t.equal(event?.text, 'memory.installed: 8 GiB -> 16 GiB; memory.usable: 7.9 GiB -> 15.9 GiB')
  t.equal((await inventory.list())[0]?.memory, 16 * 2 ** 30)
  await close()
})

t.test('identity', async t => {
  const AMI = '03000200-0400-0500-0006-000700080009'

  t.test('two machines that share a bad UUID stay two', async t => {
    const { inventory, close } = await inventoryIn(t)
    const one = await discovered(inventory, facts([M1], { uuid: AMI }), { uuid: AMI })
    const two = await discovered(inventory, facts([M2], { uuid: AMI }), { uuid: AMI })
    t.not(one.id, two.id)
    t.equal((await inventory.list()).length, 2)
    t.equal(one.uuid, undefined, 'a bad UUID is not shown as an identity')
    await close()
  })

  t.test('a machine with a new NIC stays itself, by iPXE’s report', async t => {
    const { inventory, close } = await inventoryIn(t)
    const told = { uuid: U1, serial: 'S-1001' }
    const old = await discovered(inventory, facts([M1], told), told)
    granted(await inventory.apply(old.id, 'protect'))
    inventory.sighted(sighting(M2))
    await inventory.flush()
    const [, packet] = await inventory.list()
    t.match(packet, { state: 'seen', macs: [M2] }, 'at first a packet of somebody new')
    const boot = await inventory.booted(report(M2, told))
    t.equal(boot.machine.id, old.id)
    t.equal(boot.target, 'disk', 'it keeps its state')
    t.equal(boot.scoutToken, undefined)
    t.same(boot.machine.macs, [M2, M1])
    t.equal((await inventory.list()).length, 1)
    t.equal((await inventory.find(packet?.id ?? ''))?.id, old.id, 'the former id still finds it')
    t.same((await kinds(inventory, old.id)).slice(-3), ['seen', 'merged', 'netbooted'])
    await close()
  })

  t.test('a machine with a new NIC stays itself, by its facts', async t => {
    const { inventory, close } = await inventoryIn(t)
    const old = await discovered(inventory, facts([M1], { uuid: U1 }), { uuid: U1 })
    const scout = await netbooted(inventory, M2, { uuid: U1 })
    t.not(scout.id, old.id, 'a UUID alone is not enough')
    t.same((await kinds(inventory, scout.id)).includes('suspected'), true)
    const same = granted(await inventory.recordFacts(scout, facts([M2, M1], { uuid: U1 }), '192.0.2.10'))
    t.equal(same.id, old.id)
    t.same(
      (await inventory.list()).map(machine => machine.macs),
      [[M2, M1]],
    )
    await close()
  })

  t.test('a token outlives the fold of its record', async t => {
    const { inventory, close } = await inventoryIn(t)
    const old = await discovered(inventory, facts([M1], { uuid: U1 }), { uuid: U1 })
    const { scoutToken = '' } = await inventory.booted(report(M2, { uuid: U1 }))
    const scout = await inventory.scoutOf(scoutToken)
    if (!scout) return t.fail('no scout')
    granted(await inventory.recordFacts(scout, facts([M2, M1], { uuid: U1 }), '192.0.2.10'))
    t.equal((await inventory.scoutOf(scoutToken))?.id, old.id)
    await inventory.giveOrder(old.id, 'reboot')
    t.match(
      await inventory.nextOrder(scout.id, scoutToken),
      { kind: 'reboot' },
      'its long poll goes on under the former id',
    )
    await close()
  })

  t.test('a UUID alone never gives another machine’s state', async t => {
    const { inventory, close } = await inventoryIn(t)
    const old = await discovered(inventory, facts([M1], { uuid: U1 }), { uuid: U1 })
    granted(await inventory.apply(old.id, 'disable-netboot'))
    const boot = await inventory.booted(report(M2, { uuid: U1 }))
    t.not(boot.machine.id, old.id)
    t.equal(boot.target, 'scout')
    const other = await discovered(inventory, facts([M2], { uuid: U1 }), { uuid: U1 })
    t.equal(other.state, 'discovered')
    t.equal((await inventory.find(old.id))?.state, 'local')
    await close()
  })

  t.test('boards that share a chassis’ values are split when their facts come', async t => {
    const { inventory, close } = await inventoryIn(t)
    const chassis = { uuid: U1, serial: 'CH-77' }
    const one = await discovered(inventory, facts([M1], { ...chassis, board: 'B-1001' }), chassis)
    const { machine: guess, scoutToken = '' } = await inventory.booted(report(M2, chassis))
    t.equal(guess.id, one.id, 'by what iPXE says they are one')
    const scout = await inventory.scoutOf(scoutToken)
    if (!scout) return t.fail('no scout')
    const two = granted(
      await inventory.recordFacts(scout, facts([M2], { ...chassis, board: 'B-2002' }), '192.0.2.11'),
    )
    t.not(two.id, one.id)
    t.match(two, { state: 'discovered', macs: [M2], boardSerial: 'B-2002' })
    t.same((await inventory.find(one.id))?.macs, [M1])
    t.equal((await inventory.scoutOf(scoutToken))?.id, two.id, 'the token goes with its scout')
    for (const { id } of [one, two]) t.ok((await kinds(inventory, id)).includes('split'), 'both are told')
    t.equal((await inventory.booted(report(M2, { ...chassis, boardSerial: 'B-2002' }))).machine.id, two.id)
    t.equal((await inventory.booted(report(M1, { ...chassis, boardSerial: 'B-1001' }))).machine.id, one.id)
    await close()
  })

  t.test('a swapped main board keeps the history when a NIC and the serial stay', async t => {
    const { inventory, close } = await inventoryIn(t)
    const before = facts([M1, M2], { uuid: U1, serial: 'S-1001', board: 'B-1001' })
    const old = await discovered(inventory, before, { uuid: U1, serial: 'S-1001', boardSerial: 'B-1001' })
    const after = facts([M2, M3], { uuid: U2, serial: 'S-1001', board: 'B-2002' })
    const now = await discovered(inventory, after, { uuid: U2, serial: 'S-1001', boardSerial: 'B-2002' })
    t.equal(now.id, old.id)
    t.same(now.macs, [M2, M3, M1])
    await close()
  })

  t.test('a UUID that changes with a disabled NIC', async t => {
    const { inventory, close } = await inventoryIn(t)
    const old = await discovered(inventory, facts([M1, M2], { uuid: U1, board: 'B-1001' }), {
      uuid: U1,
      boardSerial: 'B-1001',
    })
    const now = await discovered(inventory, facts([M2], { uuid: U2, board: 'B-1001' }), {
      uuid: U2,
      boardSerial: 'B-1001',
    })
    t.equal(now.id, old.id)
    t.equal(now.uuid, U2)
    await close()
  })

  t.test('a card that was moved takes no state along', async t => {
    const { inventory, close } = await inventoryIn(t)
    const told = { uuid: U1, serial: 'S-1001' }
    const old = await discovered(inventory, facts([M1], told), told)
    const boot = await inventory.booted(report(M1, { uuid: U2, serial: 'S-2002' }))
    t.not(boot.machine.id, old.id)
    inventory.sighted(sighting(M1, { uuid: U1 }))
    await inventory.flush()
    t.equal((await kinds(inventory, old.id)).at(-1), 'seen', 'DHCP’s UUID tells whose packet it was')
    await close()
  })

  t.test('a second NIC’s packets lead to the same machine', async t => {
    const { inventory, close } = await inventoryIn(t)
    for (const one of [M1, M2]) inventory.sighted(sighting(one))
    await inventory.flush()
    t.equal((await inventory.list()).length, 2)
    await discovered(inventory, facts([M1, M2], { uuid: U1 }), { uuid: U1 })
    t.same(
      (await inventory.list()).map(machine => machine.macs),
      [[M1, M2]],
    )
    await close()
  })
})

t.test('a machine that posts as another one', async t => {
  const { inventory, close } = await inventoryIn(t)
  const victim = await discovered(inventory, facts([M1], { uuid: U1, serial: 'S-1001' }), { uuid: U1 })
  const liar = await discovered(inventory, facts([M2], { uuid: U2 }), { uuid: U2 })
  for (const [name, posted] of [
    ['another’s facts', facts([M1], { uuid: U1, serial: 'S-1001' })],
    ['another’s facts, with its own MAC added', facts([M2, M1], { uuid: U1, serial: 'S-1001' })],
  ] as const)
    t.test(name, async t => {
      const answer = await inventory.recordFacts(liar, posted, '192.0.2.66')
      t.ok(isRefusal(answer) && answer.refused === 'forbidden', isRefusal(answer) ? answer.why : 'granted')
      t.equal((await kinds(inventory, liar.id)).at(-1), 'refused')
    })
  t.test('nothing changed', async t => {
    t.equal((await kinds(inventory, victim.id)).at(-1), 'refused', 'the victim’s owner can see it')
    t.same((await inventory.find(victim.id))?.macs, [M1])
    t.same((await inventory.find(liar.id))?.macs, [M2])
    await close()
  })
})

t.test('tokens', async t => {
  const stateDir = makeStateDir(t)
  const first = await inventoryIn(t, { stateDir })
  const { scoutToken: old = '' } = await first.inventory.booted(report(M1))
  const { scoutToken: fresh = '' } = await first.inventory.booted(report(M1))
  t.equal(await first.inventory.scoutOf(old), undefined, 'the newest wins')
  await first.close()

  const second = await inventoryIn(t, { stateDir, seed: 'after the restart' })
  const scout = await second.inventory.scoutOf(fresh)
  if (!scout) return t.fail('it survives a restart')
  const kept = await second.store.transaction(tx => tx.tokenOf(scout.id))
  t.match(kept, /^[0-9a-f]{64}$/)
  t.notMatch(kept, fresh, 'it is kept as a hash')
  await second.close()
})

t.test('orders', async t => {
  const { inventory, close } = await inventoryIn(t)
  const { id } = await discovered(inventory, facts([M1]))
  t.equal(await inventory.nextOrder(id, ''), undefined)
  const woken: unknown[] = []
  const unsubscribe = inventory.onChange(what => woken.push(what))
  const order = granted(await inventory.giveOrder(id, 'power-off'))
  t.same(woken, [{ machine: id }], 'a long poll wakes')
  unsubscribe()
  t.same(await inventory.giveOrder(id, 'power-off'), order, 'given twice is given once')
  t.same(await inventory.nextOrder(id, ''), order)
  t.same(await inventory.nextOrder(id, ''), order, 'kept until done')
  t.equal(await inventory.orderDone(id, order.id), true)
  t.equal(await inventory.orderDone(id, order.id), false)
  t.equal(await inventory.nextOrder(id, ''), undefined)
  t.equal(woken.length, 1, 'nobody listens any more')

  granted(await inventory.giveOrder(id, 'reboot'))
  await inventory.booted(report(M1))
  t.equal(await inventory.nextOrder(id, ''), undefined, 'a machine that netboots has rebooted')

  granted(await inventory.apply(id, 'disable-netboot'))
  t.same(
    await inventory.nextOrder(id, ''),
    { id: 0, kind: 'boot-disk' },
    'it sits in the scout and shall not',
  )
  t.equal(await inventory.orderDone(id, 0), true)
  t.match(await inventory.giveOrder(id, 'reboot'), { refused: 'conflict' }, 'nobody there to do it')
  t.equal(await inventory.orderDone(id, 99), false)
  const texts = (await inventory.events({ limit: 100, machine: id })).map(event => event.text)
  t.ok(texts.includes(`power-off (order ${order.id}): the scout does it`), 'the event says which order')
  const told = (await kinds(inventory, id)).filter(kind => kind.startsWith('order'))
  t.same(
    told,
    ['order', 'order-done', 'order', 'order-done', 'order-done'],
    'each given and done is an event',
  )
  await close()
})

t.test('what the owner decides', async t => {
  const { inventory, close } = await inventoryIn(t)
  const { id } = await discovered(inventory, facts([M1]))
  await discovered(inventory, facts([M2]))
  for (const [event, want] of [
    ['protect', { state: 'protected' }],
    [
      'disable-netboot',
      {
        refused: 'conflict',
        why: 'node-000001 is protected, so disable-netboot is not possible; possible: unprotect',
      },
    ],
    ['unprotect', { state: 'discovered' }],
    ['disable-netboot', { state: 'local' }],
    ['enable-netboot', { state: 'discovered' }],
  ] as const)
    t.match(await inventory.apply('node-000001', event), want, event)
  for (const [change, want] of [
    [
      { name: 'oak', group: 'lab', localBoot: 'exit' },
      { name: 'oak', group: 'lab', localBoot: 'exit', id },
    ],
    [{ name: 'oak' }, { name: 'oak' }],
    [{ name: 'node-000002' }, { refused: 'conflict' }],
    [{ name: 'Oak Tree' }, { refused: 'invalid' }],
    [{ group: '' }, { refused: 'invalid' }],
  ] as const)
    t.match(await inventory.change(id, change), want, JSON.stringify(change))
  t.match(await inventory.change('nobody', { group: 'lab' }), { refused: 'not-found' })
  t.match(await inventory.apply('nobody', 'protect'), { refused: 'not-found' })
  t.match(await inventory.giveOrder('nobody', 'reboot'), { refused: 'not-found' })
  t.match((await inventory.events({ limit: 1 })).at(-1), {
    kind: 'changed',
    text: 'name: node-000001 -> oak; group: default -> lab; localBoot: auto -> exit',
  })
  t.equal(
    (await discovered(inventory, facts([mac('aa:bb:cc:00:00:02')]))).name,
    'node-000002-2',
    'names are unique',
  )
  await close()
})

t.test('events are paged, filtered and pruned', async t => {
  const { inventory, close, stateDir } = await inventoryIn(t)
  for (let n = 0; n < 1_200; n++) inventory.sighted(sighting(M1, { why: `number ${n}` }))
  inventory.sighted(sighting(M2))
  await inventory.flush()
  const all = await inventory.events({ limit: 5_000 })
  t.equal(all.length, 1_201)
  t.same(await inventory.events({ limit: 2 }), all.slice(-2), 'the newest, oldest first')
  t.same(await inventory.events({ after: all[9]?.id ?? 0, limit: 2 }), all.slice(10, 12))
  t.same(await inventory.events({ limit: 10, machine: 'node-000002' }), all.slice(-1))
  t.same(await inventory.events({ limit: 10, machine: 'nobody' }), [])
  await close()

  const small = await inventoryIn(t, { stateDir, eventsKept: 100 })
  small.inventory.sighted(sighting(M1))
  await small.inventory.flush()
  await small.close()
  const third = await inventoryIn(t, { stateDir, eventsKept: 100 })
  const kept = await third.inventory.events({ limit: 5_000 })
  t.equal(kept.length, 100)
  t.equal(kept.at(-1)?.id, 1_202, 'ids go on')
  await third.close()
})
