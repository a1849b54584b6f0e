import t from 'tap'
import { isRefusal } from '../../src/core/refusal.js'
import { facts, granted, inventoryIn, M1, M2, report, sighting, U1 } from './example.js'

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
  t.equal(await inventory.scoutOf('0'.repeat(32)), undefined)
  if (!scout) return
  const known = granted(await inventory.recordFacts(scout, facts([M1, M2], { uuid: U1 }), '192.0.2.10'))
  t.match(known, { id: seen?.id, state: 'discovered', cores: 4, macs: [M1, M2] })
  const again = await inventory.find('node-000001')
  t.match(again?.facts?.cpu, { cores: 4 })
  t.same(
    (await inventory.events({ limit: 10 })).map(event => event.kind),
    ['seen', 'netbooted', 'facts', 'state'],
  )
  await close()
})

t.test('refusals are values', async t => {
  const { inventory, close } = await inventoryIn(t)
  const answer = await inventory.apply('nobody', 'protect')
  t.ok(isRefusal(answer) && answer.refused === 'not-found')
  await close()
})
