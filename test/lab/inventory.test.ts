import t, { type Test } from 'tap'
import type { Description } from '../../src/core/summary.js'
import { GIB, type Lab, type MachineOptions, withLab } from './lib/lab.js'
import type { LabMachine } from './lib/machine.js'
import { BOUND, inScout } from './lib/steps.js'

type Row = [name: string, options: MachineOptions, firmware: 'bios' | 'uefi', nbps: string[]]

/** Two at a time: the machines are emulated on what may be two cores. */
const PAIRS: Row[][] = [
  [
    ['SeaBIOS with an iPXE ROM', { firmware: 'bios-ipxe-rom', disks: [{ size: 8 * GIB }] }, 'bios', []],
    [
      "OVMF with EDK2's own PXE client",
      {
        firmware: 'uefi-edk2',
        cores: 2,
        memoryMiB: 1536,
        disks: [
          { size: 4 * GIB, bus: 'sata' },
          { size: 3 * GIB, bus: 'nvme' },
        ],
      },
      'uefi',
      ['snponly.efi'],
    ],
  ],
  [
    [
      'SeaBIOS with a plain PXE ROM on an e1000',
      { firmware: 'bios-e1000-chained', cores: 4, memoryMiB: 768, disks: [{ size: 20 * GIB, bus: 'sata' }] },
      'bios',
      ['undionly.kpxe'],
    ],
  ],
]

t.test('power-on to inventory', async t => {
  await withLab('inventory', async lab => {
    await lab.daemon.start()
    for (const pair of PAIRS) {
      const started = await Promise.all(
        pair.map(async ([name, options, firmware, nbps]) => {
          const machine = await lab.addMachine(options)
          await machine.powerOn()
          return { name, machine, firmware, nbps }
        }),
      )
      await Promise.all(
        started.map(({ name, machine, firmware, nbps }) =>
          t.test(name, t => reachesInventory(t, lab, machine, firmware, nbps)),
        ),
      )
      await Promise.all(started.map(({ machine }) => machine.powerOff()))
    }
    t.equal((await lab.daemon.systems()).length, PAIRS.flat().length, 'each machine is listed once')
  })
})

async function reachesInventory(
  t: Test,
  lab: Lab,
  machine: LabMachine,
  firmware: 'bios' | 'uefi',
  nbps: string[],
) {
  const { spec, mac } = machine
  const seen = await lab.daemon.waitFor(mac, 'is listed', BOUND.script, () => true)
  t.equal(seen.state, 'seen', 'listed at its first packet')
  const named = await lab.daemon.waitFor(mac, 'has SMBIOS values', BOUND.script, s => s.serial !== undefined)
  t.match(named, { state: 'seen', vendor: 'Muster Lab', product: spec.firmware, serial: spec.serial })
  t.equal(named.facts, undefined, 'iPXE told SMBIOS values before the scout posted facts')

  const found = await inScout(lab, machine)
  t.equal(found.id, named.id, 'the same machine')
  t.match(found, { state: 'discovered', firmware, cores: spec.cores, memory: spec.memoryMiB << 20 })
  sameHardware(t, found, machine)
  t.same(fetchedNbps(lab, mac), nbps, 'network boot programs sent by TFTP')
}

function sameHardware(t: Test, found: Description, { spec }: LabMachine) {
  const { facts } = found
  t.match(facts, {
    bootMac: spec.nics[0]?.mac,
    firmware: found.firmware,
    cpu: { architecture: 'x86_64', sockets: 1, cores: spec.cores, threads: spec.cores },
    memory: { installed: spec.memoryMiB * 2 ** 20 },
  })
  t.same(
    facts?.nics.map(nic => nic.mac),
    spec.nics.map(nic => nic.mac),
    'network cards',
  )
  const sizes = (disks: readonly { size: number; serial?: string | undefined }[] = []) =>
    disks.map(({ size, serial }) => `${serial} ${size / GIB} GiB`).sort()
  t.same(sizes(facts?.disks), sizes(spec.disks), 'disks')
}

/** The network boot programs that this machine was offered and that were sent to the last byte. */
function fetchedNbps(lab: Lab, mac: string): string[] {
  const lines = lab.daemon.lines()
  const complete = new Set(lines.filter(line => line.msg === 'transfer complete').map(line => line.file))
  const offered = lines.filter(line => line.msg === 'offered' && line.mac === mac).map(line => line.file)
  return [...new Set(offered)].filter(file => complete.has(file)).map(String)
}
