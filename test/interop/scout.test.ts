import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Facts, factsSchema } from '../../src/core/facts.js'
import { DEBIAN_MIRROR } from '../../src/io/mmdebstrap.js'
import { buildScout } from '../../src/io/scoutBuild.js'
import {
  bootScout,
  type Request,
  type ScoutMachine,
  type StandIn,
  standIn,
  TOKEN,
} from '../support/scoutMachine.js'

/** The scout that is really served, booted in QEMU without firmware's netboot: what it posts, and what it obeys. */

const ENDS_WITHIN_MS = 150_000
const stateDir = join(process.cwd(), '.cache', 'scout')
const MAC = '52:54:00:00:00:02'

t.setTimeout(1_200_000)
mkdirSync(stateDir, { recursive: true })
await buildScout({ stateDir, suite: 'trixie', mirror: DEBIAN_MIRROR, onProgress: () => {} })

t.test('kernel and initrd stay small', async t => {
  const { files } = JSON.parse(readFileSync(join(stateDir, 'scout', 'manifest.json'), 'utf8'))
  t.ok(files.vmlinuz.size + files.initrd.size < 60e6, `${files.vmlinuz.size} + ${files.initrd.size} bytes`)
})

const known = { body: { id: 'm-0123456789ab', name: 'oak-1', state: 'discovered' } }
const isFacts = ({ path }: Request) => path === '/scout/v1/facts'
const isOrders = ({ path }: Request) => path.startsWith('/scout/v1/orders?')

/** Answers facts, and gives one order at the second look. */
function obeyed(order: string) {
  let looks = 0
  return (request: Request) => {
    if (isFacts(request)) return known
    if (!isOrders(request)) return {}
    looks += 1
    return { body: looks === 2 ? { order, id: 7 } : { order: 'wait' } }
  }
}

async function toItsEnd(t: Test, machine: ScoutMachine): Promise<void> {
  const timer = setTimeout(() => machine.stop(), ENDS_WITHIN_MS)
  t.equal(await machine.ended, 0, 'the machine switched itself off or rebooted')
  clearTimeout(timer)
  t.notMatch(machine.serial(), TOKEN, 'the token is on no console')
  t.notMatch(machine.serial(), /# $/m, 'no shell is on the console')
}

function disk(t: Test, name: string, size: number): string {
  const path = join(t.testdirName, name)
  writeFileSync(path, '')
  truncateSync(path, size)
  return path
}

const drive = (id: string, path: string) => ['-drive', `if=none,format=raw,id=${id},file=${path}`]
/** Cards that did not netboot reach nothing: whoever takes the wrong one never posts. */
const nic = (n: number, model: string, mac: string, more = '') => [
  ...['-netdev', `user,id=n${n}${more}`, '-device', `${model},netdev=n${n},mac=${mac}`],
]

const MiB = 1024 * 1024

type Row = {
  name: string
  devices: (t: Test) => string[]
  memory?: number
  check: (t: Test, facts: Facts) => void
}

const ROWS: Row[] = [
  {
    name: 'one core, 512 MB, a SATA disk',
    devices: t => [
      ...[...nic(0, 'e1000', MAC), '-smp', '1', '-machine', 'q35'],
      ...[...drive('d', disk(t, 'sata', 256 * MiB)), '-device', 'ide-hd,drive=d,bus=ide.0,serial=QM01'],
    ],
    check(t, { cpu, memory, disks, nics, dmi }) {
      t.match(cpu, { architecture: 'x86_64', sockets: 1, cores: 1, threads: 1 })
      t.equal(memory.installed, 512 * MiB)
      t.match(disks, [{ name: 'sda', size: 256 * MiB, serial: 'QM01', transport: 'sata' }])
      t.match(disks[0]?.byId, /^\/dev\/disk\/by-id\/ata-QEMU_HARDDISK_QM01$/)
      t.match(nics, [{ mac: MAC, driver: 'e1000', link: true, speed: 1000 }])
      t.match(dmi.system.vendor, 'QEMU')
    },
  },
  {
    name: 'two cores, NVMe and virtio disks, the second of three cards netbooted',
    devices: t => [
      ...nic(0, 'rtl8139', '52:54:00:00:00:01', ',restrict=on'),
      ...nic(1, 'virtio-net-pci', MAC),
      ...nic(2, 'e1000', '52:54:00:00:00:03', ',restrict=on'),
      ...['-smp', '2,sockets=1,cores=2'],
      ...[...drive('d', disk(t, 'nvme', 64 * MiB)), '-device', 'nvme,drive=d,serial=NV01'],
      ...[...drive('e', disk(t, 'virtio', 32 * MiB)), '-device', 'virtio-blk-pci,drive=e,serial=VD01'],
    ],
    check(t, { bootMac, cpu, disks, nics, pci }) {
      t.equal(bootMac, MAC)
      t.match(cpu, { sockets: 1, cores: 2, threads: 2 })
      t.match(disks, [
        { name: 'nvme0n1', size: 64 * MiB, serial: 'NV01', transport: 'nvme', rotational: false },
        { name: 'vda', size: 32 * MiB, serial: 'VD01', transport: 'virtio' },
      ])
      t.same(nics.map(n => n.driver).sort(), ['8139cp', 'e1000', 'virtio_net'])
      t.ok(
        nics.every(n => n.link),
        'links of cards without an address are seen',
      )
      t.ok(pci.some(p => p.class === '010802' && p.driver === 'nvme'))
    },
  },
  {
    name: 'two sockets of two cores, a USB disk, virtio-scsi and a BMC',
    devices: t => [
      ...[...nic(0, 'e1000e', MAC), '-machine', 'q35', '-smp', '4,sockets=2,cores=2'],
      ...['-device', 'qemu-xhci', ...drive('d', disk(t, 'usb', 48 * MiB)), '-device', 'usb-storage,drive=d'],
      ...[
        '-device',
        'virtio-scsi-pci',
        ...drive('e', disk(t, 'scsi', 16 * MiB)),
        '-device',
        'scsi-hd,drive=e',
      ],
      ...['-device', 'ipmi-bmc-sim,id=bmc', '-device', 'isa-ipmi-kcs,bmc=bmc'],
    ],
    memory: 1024,
    check(t, { cpu, memory, disks, bmc }) {
      t.match(cpu, { sockets: 2, cores: 4, threads: 4 })
      t.equal(memory.installed, 1024 * MiB)
      const byTransport = Object.fromEntries(disks.map(d => [d.transport, d.size]))
      t.same(byTransport, { usb: 48 * MiB, scsi: 16 * MiB })
      t.ok(bmc)
    },
  },
]

for (const row of ROWS)
  t.test(row.name, async t => {
    t.testdir({})
    const daemon = await standIn(obeyed('power-off'))
    const started = Date.now()
    const machine = bootScout({
      ...{ stateDir, url: daemon.url, mac: MAC, devices: row.devices(t) },
      ...(row.memory ? { memory: row.memory } : {}),
    })
    t.teardown(() => [machine.stop(), daemon.close()])
    await toItsEnd(t, machine)
    const posts = daemon.requests.filter(isFacts)
    t.comment(`facts after ${((posts[0]?.at ?? 0) - started) / 1000} s`)
    t.ok(posts.length >= 1 && posts.every(post => post.token === TOKEN), machine.serial())
    // a disk on USB may come after the first post
    const facts = factsSchema.parse(JSON.parse(posts.at(-1)?.body ?? '{}'))
    t.equal(facts.firmware, 'bios')
    row.check(t, facts)
    t.match(daemon.requests.at(-1), { method: 'POST', path: '/scout/v1/orders/7/done', token: TOKEN })
    t.match(machine.serial(), /machine +oak-1 m-0123456789ab[\s\S]*ready, waiting for orders/)
  })

const small = (t: Test, daemon: StandIn) => {
  const machine = bootScout({ stateDir, url: daemon.url, mac: MAC, devices: nic(0, 'virtio-net-pci', MAC) })
  t.teardown(() => [machine.stop(), daemon.close()])
  return machine
}

t.test('a daemon that is away is asked again until it is there; boot-disk is a reboot', async t => {
  let away = 3
  const there = obeyed('boot-disk')
  const daemon = await standIn(request => (away-- > 0 ? { status: 503 } : there(request)))
  const machine = small(t, daemon)
  await toItsEnd(t, machine)
  const growing = /answers 503 *; trying again every 1 s[\s\S]* every 2 s[\s\S]* every 4 s/
  t.match(machine.serial(), growing, 'the pauses grow')
  t.match(machine.serial(), /obeying: boot-disk/)
})

t.test('a token that nobody knows leads to a reboot, which makes a new one', async t => {
  const daemon = await standIn(() => ({ status: 401 }))
  const machine = small(t, daemon)
  await toItsEnd(t, machine)
  t.equal(daemon.requests.length, 4)
  t.match(machine.serial(), /netbooting again/)
})

t.test('an order that cannot be acknowledged is not carried out', async t => {
  let done = 0
  const daemon = await standIn(request => {
    if (isFacts(request)) return known
    if (isOrders(request)) return { body: { order: 'reboot', id: 9 } }
    done += 1
    return { status: done < 2 ? 500 : 200 }
  })
  await toItsEnd(t, small(t, daemon))
  t.equal(done, 2)
})
