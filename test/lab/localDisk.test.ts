import t from 'tap'
import { GIB, withLab } from './lib/lab.js'
import type { LabMachine } from './lib/machine.js'
import { onDisk, powerOnIntoScout } from './lib/steps.js'

async function restart(machine: LabMachine): Promise<void> {
  await machine.powerOff()
  await machine.powerOn()
}

t.jobs = 2 // machines at a time

for (const firmware of ['bios-ipxe-rom', 'bios-e1000-chained', 'uefi-edk2'] as const)
  t.test(`${firmware}: the owner gives a machine to its own disk`, { buffered: true }, async t => {
    await withLab(`disk-${firmware}`, async lab => {
      await lab.daemon.start()
      const machine = await lab.addMachine({ firmware, disks: [{ size: 2 * GIB, bootable: true }] })
      const { id } = await powerOnIntoScout(lab, machine)
      const state = async () => (await lab.daemon.systems()).find(system => system.id === id)?.state

      await t.test('disable-netboot while it waits in the scout', async t => {
        const before = machine.serial().mark()
        await lab.daemon.muster('disable-netboot', id)
        t.equal(await state(), 'local', 'state')
        await onDisk(machine, before)
        t.ok(machine.resets() > 0, 'the scout restarted it')
      })

      await t.test('from power-on', async t => {
        await restart(machine)
        await onDisk(machine)
        t.equal(await state(), 'local', 'state')
      })

      await t.test('protected: from power-on', async t => {
        await lab.daemon.muster('protect-system', id)
        await restart(machine)
        await onDisk(machine)
        t.equal(await state(), 'protected', 'state')
      })

      await t.test('unprotected: the scout again', async t => {
        await lab.daemon.muster('unprotect-system', id)
        await machine.powerOff()
        t.equal((await powerOnIntoScout(lab, machine)).id, id, 'the same machine')
      })
    })
  })
