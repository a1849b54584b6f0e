import { join } from 'node:path'
import { createDaemon, type LabDaemon } from './daemon.js'
import { bootableDisk, emptyDisk } from './disks.js'
import { FIRMWARE, type LabFirmware } from './firmware.js'
import { createMachine, type DiskBus, type LabMachine } from './machine.js'
import { DEBIAN, type Mirrors, startMirrors, type Upstreams } from './mirrors.js'
import { createLan, type Lan } from './namespaces.js'
import { createOwner, type Owner } from './owner.js'
import { startCapture, startRouter } from './router.js'
import { createRunFolder } from './runs.js'

export const GIB = 1 << 30

/** What a test chooses; the rest has sensible defaults. */
export type MachineOptions = {
  firmware: LabFirmware
  name?: string
  cores?: number
  memoryMiB?: number
  /** How many NICs of the firmware's usual model; 1 unless told. */
  nicCount?: number
  /** Index of the NIC to boot from; 0 unless told. */
  bootNic?: number
  /** Sizes in bytes; `bootable` puts a GRUB on it that prints DISK_LINE. */
  disks?: { size: number; bus?: DiskBus; bootable?: boolean }[]
}

/** A LAN, its router, the daemon and any number of machines; all of it is gone after `close`. */
export type Lab = {
  readonly folder: string
  readonly lan: Lan
  readonly daemon: LabDaemon
  readonly owner: Owner
  readonly machines: readonly LabMachine[]
  addMachine(options: MachineOptions): Promise<LabMachine>
  /** Lets the daemon reach mirrors; Debian's own unless told. Once in a lab, before the daemon starts. */
  openMirrors(upstreams?: Upstreams): Promise<Mirrors>
  /** Keeps what every screen shows now, next to the logs. */
  keepScreens(label: string): Promise<void>
  close(): Promise<void>
}

export async function createLab(label: string): Promise<Lab> {
  const folder = await createRunFolder(label)
  const lan = await createLan()
  const machines: LabMachine[] = []
  let named = 0
  let mirrors: Mirrors | undefined
  const close = async () => {
    await Promise.all(machines.map(machine => machine.powerOff()))
    await mirrors?.close()
    await lan.close()
  }
  try {
    await startRouter(lan, folder)
    await startCapture(lan, folder)
    return {
      folder,
      lan,
      daemon: await createDaemon(lan, folder),
      owner: await createOwner(lan, folder),
      machines,
      async addMachine(options) {
        const machine = await createMachine(lan, folder, await specify(options, ++named, folder))
        machines.push(machine)
        return machine
      },
      async openMirrors(upstreams = DEBIAN) {
        mirrors = await startMirrors(lan, folder, upstreams)
        return mirrors
      },
      async keepScreens(name) {
        const on = machines.filter(machine => machine.isOn())
        await Promise.allSettled(on.map(machine => machine.screenshot(name)))
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Runs `use` in a lab of its own; when it fails, the screens are kept and the error says where. */
export async function withLab(label: string, use: (lab: Lab) => Promise<void>): Promise<void> {
  const lab = await createLab(label)
  try {
    await use(lab)
  } catch (error) {
    await lab.keepScreens('failed')
    throw new Error(`${(error as Error).message}\nkept: ${lab.folder}`, { cause: error })
  } finally {
    await lab.close()
  }
}

const hex = (n: number) => n.toString(16).padStart(2, '0')

async function specify(options: MachineOptions, n: number, folder: string) {
  const { firmware, cores = 1, memoryMiB = 1024, disks = [{ size: 2 * GIB }] } = options
  const name = options.name ?? `m${n}`
  const nics = Array.from({ length: options.nicCount ?? 1 }, (_, i) => `52:54:00:4d:${hex(n)}:${hex(i)}`)
  return {
    ...{ name, firmware, cores, memoryMiB, bootNic: options.bootNic ?? 0 },
    uuid: `6d757374-6572-4c61-8000-${hex(n).padStart(12, '0')}`,
    serial: `LAB${String(n).padStart(4, '0')}`,
    nics: nics.map(mac => ({ model: FIRMWARE[firmware].nic, mac })),
    disks: await Promise.all(
      disks.map(async ({ size, bus = 'virtio', bootable = false }, i) => ({
        bus,
        size,
        serial: `DISK-${n}-${i}`,
        image: await (bootable ? bootableDisk : emptyDisk)(join(folder, `${name}.disk${i}.img`), size),
      })),
    ),
  }
}
