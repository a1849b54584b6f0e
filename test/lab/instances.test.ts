import { stat } from 'node:fs/promises'
import t from 'tap'
import type { InstanceView } from '../../src/core/instanceView.js'
import {
  DISK,
  instanceOn,
  PROFILE,
  placeOf,
  SEALED,
  startForInstalls,
  userData,
  watchInstances,
} from './lib/instances.js'
import { withLab } from './lib/lab.js'
import type { LabMachine } from './lib/machine.js'
import { until } from './lib/process.js'
import { BOUND, inScout, powerOnIntoScout } from './lib/steps.js'
import { partitionsOf, signatures, tableId } from './lib/written.js'

const CLOUD_CONFIG = `#cloud-config
write_files:
  - path: /var/local/told
    content: by the cloud-config
`

const SCRIPT = `#!/bin/sh
echo by the script >/var/local/told
`

/** The owner's profiles of the second run: Debian 13 on the layouts with LVM, started both ways. They share one image. */
const OWN = {
  sealed: `${SEALED}boot: reboot\n`,
  volumes: `extends: debian-13-image
packages: [cryptsetup-initramfs, podman, crun, netavark, aardvark-dns, passt, catatonit, uidmap, dbus-user-session, unattended-upgrades]
boot: kexec
partitioning: { layout: lvm, swap: 256M }
`,
}

/** GRUB tells a kernel where it came from; kexec does not. */
const STARTED_BY = 'grep -q BOOT_IMAGE= /proc/cmdline && echo GRUB || echo kexec'

/** Both machines of the pool. */
const wanted = (told: string) => ['-n', '2', '-g', 'pool', '-p', PROFILE, '-u', 'demo', '--user-data', told]

/** What the user data left, once it was applied. */
const TOLD = 'cloud-init status --wait >/dev/null; cat /var/local/told'

/** How much of the image has to be on the disk for a kill to be in its middle. */
const MIDDLE = 25 // percent
const BEGINS = /starting -> installing/

t.test('from run-instances to nodes, and back', async t => {
  await withLab('instances', async lab => {
    const flags = await startForInstalls(lab, [], OWN)
    const bios = await lab.addMachine({ firmware: 'bios-ipxe-rom', disks: [DISK] })
    const uefi = await lab.addMachine({ firmware: 'uefi-edk2', disks: [DISK] })
    const untouchable = await lab.addMachine({ firmware: 'bios-ipxe-rom', disks: [DISK] })
    const { daemon } = lab
    const imageOf = ({ spec }: LabMachine) => spec.disks[0]?.image ?? ''
    const both = [bios, uefi]
    const systems = await Promise.all(both.map(machine => powerOnIntoScout(lab, machine)))

    await t.test('a protected machine is refused', async t => {
      await untouchable.powerOn()
      const third = await daemon.waitFor(untouchable.mac, 'is listed', BOUND.script, () => true)
      await daemon.muster('protect-system', third.id)
      await untouchable.powerOff()
      for (const { id } of [...systems, third]) await daemon.muster('set-group', 'pool', id)
      const named = daemon.muster('run-instances', '-i', third.id, '-p', PROFILE, '-u', 'demo')
      await t.rejects(named, { message: /protected/ }, 'by its id')
      const counted = daemon.muster('run-instances', '-n', '3', '-g', 'pool', '-p', PROFILE, '-u', 'demo')
      await t.rejects(
        counted,
        { message: /not enough resources: asked 3, free 2 \(1 protected\)/ },
        'in a pool',
      )
    })

    let nodes: readonly InstanceView[] = []
    await t.test('two machines become two nodes', async t => {
      const watch = watchInstances(lab)
      const told = await userData(lab, 'cloud-config', CLOUD_CONFIG)
      await daemon.musterWithin(BOUND.running, 'run-instances', ...wanted(told), '--wait')
      await watch.stop()
      nodes = await Promise.all(both.map(machine => instanceOn(lab, machine)))
      t.equal(nodes.length, 2)
      for (const node of nodes) {
        t.match(node, { state: 'running', user: 'demo', profile: PROFILE }, node.name)
        const places = watch.of(node.id).map(({ place }) => place)
        t.same(
          places.slice(-3),
          ['installing', 'installed', 'running'],
          'what describe-instances showed on the way',
        )
      }
    })

    await t.test('nobody else gets them', async t => {
      const asked = daemon.muster('run-instances', '-n', '1', '-g', 'pool', '-p', PROFILE, '-u', 'other')
      await t.rejects(asked, { message: /not enough resources: asked 1, free 0/ })
    })

    for (const machine of both)
      await t.test(`${machine.spec.firmware}: the owner logs in`, async t => {
        const node = await instanceOn(lab, machine)
        const tell = (command: string) => lab.owner.ssh('debian', node, command).then(text => text.trim())
        t.equal(await tell('hostname'), node.name, 'host name')
        t.match(await tell('findmnt -n -o SOURCE /'), /^\/dev\/vda\d$/, 'its root is on its disk')
        const firmware = machine.spec.firmware.startsWith('uefi') ? 'uefi' : 'bios'
        t.equal(await tell('[ -d /sys/firmware/efi ] && echo uefi || echo bios'), firmware, 'firmware')
        t.equal(await tell(TOLD), 'by the cloud-config', 'user data')
      })

    await t.test('who shows another host key than the pinned one is not trusted', async t => {
      const [one, other] = nodes
      if (!one?.address || !other?.hostKeys) throw new Error('no nodes')
      const login = lab.owner.ssh('debian', { address: one.address, hostKeys: other.hostKeys }, 'true')
      await t.rejects(login, { message: /Host key verification failed/ })
    })

    await t.test('terminate-instances frees them', async t => {
      const marks = both.map(machine => machine.serial().mark())
      const places = await Promise.all(both.map(async m => [0, ...(await partitionsOf(imageOf(m)))]))
      const names = await Promise.all(both.map(async machine => (await instanceOn(lab, machine)).id))
      await daemon.muster('terminate-instances', '-i', names[0] ?? '', '--wipe', 'quick', '--power-off')
      await daemon.muster('terminate-instances', '-i', names[1] ?? '')
      await Promise.all(both.map((machine, n) => inScout(lab, machine, marks[n])))
      for (const { mac } of both)
        await daemon.waitFor(mac, 'is free', BOUND.order, ({ instance, free }) => free && !instance)
      t.ok(await bios.switchesOff(BOUND.order), 'one is switched off')
      t.same(await signatures(imageOf(bios), places[0] ?? []), [], 'and was wiped')
      t.not((await signatures(imageOf(uefi), places[1] ?? [])).length, 0, 'the other one is as it was')
    })

    await t.test('a second run, while the daemon is killed in each stage of one', async t => {
      const told = await userData(lab, 'script', SCRIPT)
      for (const [n, profile] of Object.keys(OWN).entries())
        await daemon.muster(
          'run-instances',
          '-i',
          systems[n]?.id ?? '',
          '-p',
          profile,
          '-u',
          'demo',
          '--user-data',
          told,
        )
      const { id, machine } = await instanceOn(lab, bios)
      const reach = (place: string, ms: number, percent = 0) =>
        daemon.waitForInstance(id, place, ms, i => placeOf(i) === place && (i.percent ?? 0) >= percent)
      const restart = async () => {
        await daemon.kill()
        await daemon.start(flags)
      }

      await restart()
      t.equal(placeOf(await daemon.instance(id)), 'reserved', 'its machine is off')
      await bios.powerOn()
      await daemon.log().waitFor(new RegExp(`${id} .* reserved -> starting`), BOUND.scout)
      await restart()
      await reach('installing', BOUND.installing, MIDDLE)
      const table = await tableId(imageOf(bios))
      t.ok(table, 'the disk is partitioned')
      await restart()
      t.equal(placeOf(await daemon.instance(id)), 'installing', 'in the middle of the stream')
      await reach('installed', BOUND.written)
      await restart()

      const node = await reach('running', BOUND.running)
      t.equal(node.attempts, 1, 'the installer was handed out once')
      t.equal(await tableId(imageOf(bios)), table, 'the disk was partitioned once')
      const begun = (await daemon.events(machine)).filter(e => e.text.includes(id) && BEGINS.test(e.text))
      t.equal(begun.length, 1, 'and written once')
      for (const one of both) {
        const { id } = await instanceOn(lab, one)
        const it = await daemon.waitForInstance(id, 'runs', BOUND.running, i => i.state === 'running')
        t.equal(await lab.owner.ssh('debian', it, TOLD), 'by the script\n', 'user data of the second run')
      }
    })

    const asRoot = async (machine: LabMachine, command: string) =>
      (await lab.owner.ssh('debian', await instanceOn(lab, machine), `sudo sh -c '${command}'`)).trim()

    for (const machine of both)
      await t.test(`${machine.spec.firmware}: Debian 13 on logical volumes`, async t => {
        const { profile } = await instanceOn(lab, machine)
        t.match(await asRoot(machine, 'cat /etc/debian_version'), /^13\./)
        t.match(
          await asRoot(machine, 'findmnt -n -o SOURCE /'),
          /^\/dev\/mapper\/vg[0-9a-f]{8}-root$/,
          'root',
        )
        t.equal(await asRoot(machine, 'findmnt -n -o SOURCE /boot'), '/dev/vda3', '/boot is none of them')
        t.match(await asRoot(machine, 'swapon --noheadings --show=SIZE'), /^256M$/, 'swap')
        t.match(await asRoot(machine, 'command -v cryptsetup'), /cryptsetup$/)
        const free = Number(await asRoot(machine, 'vgs --noheadings --nosuffix --units m -o vg_free'))
        t.equal(free >= 32, profile === 'sealed', 'room to encrypt root in place, if that is wanted')
        t.equal(
          await asRoot(machine, STARTED_BY),
          profile === 'volumes' ? 'kexec' : 'GRUB',
          'how it was started',
        )
      })

    await t.test('what kexec started comes up through its firmware, too', async t => {
      await asRoot(uefi, '(sleep 1; reboot) >/dev/null 2>&1 &')
      const by = await until('the node is back', BOUND.disk, async () => {
        const told = await asRoot(uefi, STARTED_BY).catch(() => undefined)
        return told === 'kexec' ? undefined : told
      })
      t.equal(by, 'GRUB')
      t.match(await instanceOn(lab, uefi), { state: 'running' })
    })

    t.equal((await stat(imageOf(untouchable))).blocks, 0, 'nothing was written to the protected machine')
  })
})
