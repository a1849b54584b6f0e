import t, { type Test } from 'tap'
import type { Description } from '../../src/core/summary.js'
import { GIB, type Lab, type MachineOptions, withLab } from './lib/lab.js'
import type { LabMachine } from './lib/machine.js'
import { BOUND, inScout } from './lib/steps.js'

const MIB = 1 << 20

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
    ['OVMF with UEFI HTTP boot', { firmware: 'uefi-http', disks: [{ size: 2 * GIB }] }, 'uefi', []],
  ],
]

t.test('power-on to inventory', async t => {
  await withLab('inventory', async lab => {
    await lab.daemon.start()
    for (const pair of PAIRS) {
      const walked = await Promise.all(pair.map(row => walk(lab, row)))
      for (const { row, machine, listed, named, found } of walked) {
        const [name, , firmware, nbps] = row
        const { spec } = machine
        await t.test(name, async t => {
          t.equal(listed.state, 'seen', 'listed at its first packet')
          const told = { state: 'seen', vendor: 'Muster Lab', product: spec.firmware, serial: spec.serial }
          t.match(named, told, 'SMBIOS values')
          t.equal(named.facts, undefined, 'iPXE told SMBIOS values before the scout posted facts')
          t.equal(found.id, listed.id, 'one machine all the way')
          const size = { cores: spec.cores, memory: spec.memoryMiB * MIB }
          t.match(found, { state: 'discovered', firmware, ...size }, 'what describe-systems prints')
          sameHardware(t, found, machine)
          t.same(fetchedNbps(lab, machine.mac), nbps, 'network boot programs sent by TFTP')
        })
      }
    }
    t.equal((await lab.daemon.systems()).length, PAIRS.flat().length, 'each machine is listed once')
  })
})

/** Switches a machine on and looks at its record when it is first listed, when iPXE has spoken and in the scout. */
async function walk(lab: Lab, row: Row) {
  const machine = await lab.addMachine(row[1])
  await machine.powerOn()
  const listed = await lab.daemon.waitFor(machine.mac, 'is listed', BOUND.script, () => true)
  const named = await lab.daemon.waitFor(
    machine.mac,
    'has SMBIOS values',
    BOUND.script,
    system => system.serial !== undefined,
  )
  const found = await inScout(lab, machine)
  await machine.powerOff()
  return { row, machine, listed, named, found }
}

function sameHardware(t: Test, found: Description, { spec }: LabMachine) {
  const { facts } = found
  const want = {
    bootMac: spec.nics[0]?.mac,
    firmware: found.firmware,
    cpu: { architecture: 'x86_64', sockets: 1, cores: spec.cores, threads: spec.cores },
    memory: { installed: spec.memoryMiB * MIB },
  }
  t.match(facts, want, 'processor, memory, boot NIC')
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
