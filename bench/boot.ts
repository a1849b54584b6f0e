import type { LogLine } from '../test/lab/lib/daemon.js'
import { FIRMWARES, type LabFirmware } from '../test/lab/lib/firmware.js'
import { GIB, withLab } from '../test/lab/lib/lab.js'
import { powerOnIntoScout } from '../test/lab/lib/steps.js'
import type { Row } from './rows.js'

/** The stages of a boot, each from the moment the one before it was reached. */
const STAGES: { name: string; reached: (line: LogLine, mac: string) => number | undefined }[] = [
  {
    name: 'power-on to first DHCP answer',
    reached: (line, mac) => (line.msg === 'offered' && line.mac === mac ? at(line) : undefined),
  },
  {
    name: "then to iPXE's script",
    reached: (line, mac) => (line.msg === 'script' && line.mac === mac ? at(line) : undefined),
  },
  {
    name: 'then to the kernel on its way', // logged when it was sent; `ms` is how long that took
    reached: line => (line.path === '/boot/scout/vmlinuz' ? at(line) - Number(line.ms) : undefined),
  },
  {
    name: 'then to kernel and initrd loaded',
    reached: line => (line.path === '/boot/scout/initrd' ? at(line) : undefined),
  },
  { name: 'then to the inventory', reached: line => (line.event === 'facts' ? at(line) : undefined) },
]

const at = (line: LogLine) => Date.parse(line.time)

/** Power-on to inventory in seconds, per firmware and split by stage; one machine at a time, two cores, 1 GiB. */
export async function run(): Promise<Row[]> {
  const rows: Row[] = []
  for (const firmware of FIRMWARES) rows.push(...(await boot(firmware)))
  return rows
}

async function boot(firmware: LabFirmware): Promise<Row[]> {
  const rows: Row[] = []
  await withLab(`bench-${firmware}`, async lab => {
    await lab.daemon.start()
    const machine = await lab.addMachine({ firmware, cores: 2, memoryMiB: 1024, disks: [{ size: 8 * GIB }] })
    await powerOnIntoScout(lab, machine)
    const begun = machine.poweredOnAt()
    let before = begun
    for (const { name, reached } of STAGES) {
      const time = firstOf(lab.daemon.lines(), line => reached(line, machine.mac))
      rows.push({ name: `boot ${firmware}: ${name}`, ours: (time - before) / 1000, unit: 's' })
      before = time
    }
    rows.push({ name: `boot ${firmware}: power-on to inventory`, ours: (before - begun) / 1000, unit: 's' })
  })
  return rows
}

function firstOf(lines: readonly LogLine[], time: (line: LogLine) => number | undefined): number {
  for (const line of lines) {
    const found = time(line)
    if (found !== undefined) return found
  }
  throw new Error("the daemon's log lacks a stage of the boot")
}
