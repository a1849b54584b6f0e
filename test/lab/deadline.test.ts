import t from 'tap'
import type { InstanceView } from '../../src/core/instanceView.js'
import { DISK, PROFILE, placeOf, startForInstalls } from './lib/instances.js'
import { type Lab, withLab } from './lib/lab.js'
import type { LabMachine } from './lib/machine.js'
import { BOUND, inScout, powerOnIntoScout } from './lib/steps.js'

const SHORT = 20 // seconds
const ATTEMPTS = 2

const failed = ({ state }: InstanceView) => state === 'failed'

/** Pulls the plug as soon as the installer writes. */
async function cutWhileInstalling(lab: Lab, machine: LabMachine, attempt: number): Promise<void> {
  await lab.daemon.waitForInstance(
    'node',
    `attempt ${attempt} installs`,
    BOUND.scout,
    i => placeOf(i) === 'installing' && i.attempts === attempt,
  )
  await machine.powerOff()
}

t.test('a machine that goes away while it is installed', async t => {
  await withLab('deadline', async lab => {
    const { daemon } = lab
    const flags = await startForInstalls(lab, ['--deadline-installing', String(SHORT)])
    const machine = await lab.addMachine({ firmware: 'bios-ipxe-rom', disks: [DISK] })
    const { id } = await powerOnIntoScout(lab, machine)
    await daemon.muster('run-instances', '-i', id, '-p', PROFILE, '-u', 'demo', '--name', 'node')

    await t.test('it never comes back: failed at its deadline', async t => {
      await cutWhileInstalling(lab, machine, 1)
      const node = await daemon.waitForInstance('node', 'fails', (SHORT + 60) * 1000, failed)
      t.match(node.reason, /the install did not end within 20 s/, 'the reason is kept')
      t.match(await daemon.muster('get-console-output', 'node'), /\S/, 'and what the installer said')
    })

    await t.test('switched on again it is left alone', async t => {
      await powerOnIntoScout(lab, machine)
      await daemon.log().waitFor(/"path":"\/scout\/v1\/orders","status":200/, BOUND.order)
      t.match(await daemon.instance('node'), { state: 'failed', attempts: 1 })
      t.equal(await machine.written(), 0, 'nothing was written')
    })

    await t.test(`retry-instances starts again; the power fails ${ATTEMPTS} times`, async t => {
      await daemon.stop()
      await daemon.start([...flags.slice(0, -2), '--install-attempts', String(ATTEMPTS)])
      await daemon.muster('retry-instances', '-i', 'node')
      await cutWhileInstalling(lab, machine, 1)
      await machine.powerOn()
      await cutWhileInstalling(lab, machine, 2)
      await machine.powerOn()
      const node = await daemon.waitForInstance('node', 'fails', BOUND.scout, failed)
      t.match(node.reason, /the installer was started 2 times and never ended/, 'the reason is kept')
      await inScout(lab, machine)
      t.equal(await machine.written(), 0, 'nothing was written')
    })
  })
})
