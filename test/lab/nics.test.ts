import t from 'tap'
import { withLab } from './lib/lab.js'
import { run } from './lib/process.js'
import { powerOnIntoScout } from './lib/steps.js'

t.jobs = 2 // machines at a time

for (const firmware of ['bios-ipxe-rom', 'uefi-edk2'] as const)
  t.test(`${firmware} with two network cards boots from the second`, { buffered: true }, async t => {
    await withLab(`nics-${firmware}`, async lab => {
      await lab.daemon.start()
      const machine = await lab.addMachine({ firmware, nicCount: 2, bootNic: 1 })
      const [idle, boot] = machine.spec.nics.map(nic => nic.mac)
      const found = await powerOnIntoScout(lab, machine)
      t.equal(found.facts?.bootMac, boot, 'the NIC that the firmware booted from')
      t.equal(found.macs[0], boot, 'its MAC stands first')
      t.same([...found.macs].sort(), [idle, boot], 'both are known')
      t.match(await addressOf(), new RegExp(`${boot} `), 'the scout speaks through it')
      t.equal((await lab.daemon.systems()).length, 1, 'one machine, not two')

      /** What the daemon's host knows of the machine's address. */
      async function addressOf() {
        return await run('ip', ['-n', lab.lan.daemon, 'neighbour', 'show', found.address ?? ''])
      }
    })
  })
