import t from 'tap'
import { withLab } from './lib/lab.js'
import { BOUND, inScout, powerOnIntoScout } from './lib/steps.js'

t.test('a machine in the scout obeys and stays itself', async t => {
  await withLab('lifecycle', async lab => {
    await lab.daemon.start()
    const machine = await lab.addMachine({ firmware: 'bios-ipxe-rom' })
    const first = await powerOnIntoScout(lab, machine)

    await t.test('power-off-system switches it off', async t => {
      await lab.daemon.muster('power-off-system', first.name)
      t.ok(await machine.switchesOff(BOUND.order), 'off')
    })

    await t.test('switched on again it is the same machine', async t => {
      const again = await powerOnIntoScout(lab, machine)
      t.equal(again.id, first.id, 'id')
      t.equal(again.name, first.name, 'name')
      t.equal((await lab.daemon.systems()).length, 1, 'one machine')
    })

    await t.test('reboot-system resets it, and it comes back', async t => {
      const resets = machine.resets()
      const before = machine.serial().mark()
      await lab.daemon.muster('reboot-system', first.id)
      t.equal((await inScout(lab, machine, before)).id, first.id, 'in the scout again')
      t.ok(machine.resets() > resets, 'it was reset')
    })

    await t.test('the daemon is killed and started again: an order reaches the same scout', async t => {
      const known = await lab.daemon.api<object>('GET', `systems/${first.id}`)
      await lab.daemon.kill()
      await lab.daemon.start()
      const kept = await lab.daemon.api<object>('GET', `systems/${first.id}`)
      t.match(kept, { ...known, lastSeen: String }, 'the inventory is intact')
      const before = machine.serial().mark()
      await lab.daemon.muster('reboot-system', first.id)
      await machine.serial().waitFor(/obeying: reboot/, BOUND.order, before)
      const obeyed = machine.serial().mark()
      t.equal((await inScout(lab, machine, obeyed)).id, first.id, 'in the scout again')
    })
  })
})
