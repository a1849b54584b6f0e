import { FIRMWARES, type LabFirmware } from './firmware.js'
import type { MachineOptions } from './lab.js'
import type { DiskBus } from './machine.js'

const SHORT: Record<string, LabFirmware> = {
  bios: 'bios-ipxe-rom',
  e1000: 'bios-e1000-chained',
  uefi: 'uefi-edk2',
  http: 'uefi-http',
}

export const USAGE = `usage: npm run lab [-- --machine FIRMWARE[,SETTING...]]...

Starts pretend machines with real firmware in a LAN of their own, lets the daemon netboot them, and shows them until
Ctrl-C. Without --machine there are three: bios, uefi and e1000.

FIRMWARE   bios   SeaBIOS with an iPXE ROM (virtio)
           e1000  SeaBIOS with a plain PXE ROM, chained through undionly.kpxe
           uefi   OVMF with EDK2's own PXE client
           http   OVMF that knows UEFI HTTP boot only
SETTING    cores=2  memory=1G  nics=2  disk=8G[:virtio|sata|nvme][:boot]  (disk more than once: more disks;
           boot: GRUB is on it)

  npm run lab -- --machine bios,cores=2,memory=1G,disk=8G --machine uefi,disk=4G:nvme:boot`

const UNITS: Record<string, number> = { M: 1 << 20, G: 1 << 30, T: 2 ** 40 }

/** Throws with what is wrong: `8X` is no size. */
function bytes(text: string): number {
  const [, number, unit = 'G'] = text.match(/^(\d+)([MGT])?$/) ?? []
  if (!number) throw new Error(`${text} is no size: write 512M, 8G or 1T`)
  return Number(number) * (UNITS[unit] ?? 1)
}

function count(text: string): number {
  if (!/^[1-9]\d?$/.test(text)) throw new Error(`${text} is no number from 1 to 99`)
  return Number(text)
}

function disk(text: string) {
  const [size = '', ...words] = text.split(':')
  const bus = words.find((word): word is DiskBus => /^(virtio|sata|nvme)$/.test(word))
  const strange = words.find(word => word !== bus && word !== 'boot')
  if (strange) throw new Error(`a disk knows virtio, sata, nvme and boot, not ${strange}`)
  return { size: bytes(size), bootable: words.includes('boot'), ...(bus && { bus }) }
}

/** `bios,cores=2,memory=1G,disk=8G:sata:boot` as the options of a machine; throws with what is wrong. */
export function parseMachine(text: string): MachineOptions {
  const [kind = '', ...settings] = text.split(',')
  const firmware = SHORT[kind] ?? FIRMWARES.find(name => name === kind)
  if (!firmware) throw new Error(`no firmware called ${kind}: there are ${Object.keys(SHORT).join(', ')}`)
  const options: MachineOptions = { firmware }
  for (const setting of settings) {
    const [key = '', value = ''] = setting.split('=')
    if (key === 'cores') options.cores = count(value)
    else if (key === 'memory') options.memoryMiB = bytes(value) / (1 << 20)
    else if (key === 'nics') options.nicCount = count(value)
    else if (key === 'disk') options.disks = [...(options.disks ?? []), disk(value)]
    else throw new Error(`a machine has cores, memory, nics and disk, not ${key}`)
  }
  return options
}
