import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The firmwares that the lab can power on. */
export const FIRMWARES = ['bios-ipxe-rom', 'bios-e1000-chained', 'uefi-edk2', 'uefi-http'] as const
export type LabFirmware = (typeof FIRMWARES)[number]

export type NicModel = 'virtio-net-pci' | 'e1000' | 'e1000e'

type Kind = {
  readonly kind: 'bios' | 'uefi'
  readonly nic: NicModel
  /** The option ROM is disguised as a plain PXE ROM: see plainRom.ts. */
  readonly plainRom: boolean
  /** What is added to each NIC's -device. */
  readonly nicExtra: string
  /** OVMF's network boot clients that are switched off, by the names it knows them by. */
  readonly without: readonly string[]
}

export const FIRMWARE: Record<LabFirmware, Kind> = {
  // SeaBIOS and QEMU's own option ROM, an iPXE with HTTP. With romfile=pxe-*.rom SeaBIOS would never run it.
  'bios-ipxe-rom': { kind: 'bios', nic: 'virtio-net-pci', plainRom: false, nicExtra: '', without: [] },
  'bios-e1000-chained': { kind: 'bios', nic: 'e1000', plainRom: true, nicExtra: '', without: [] },
  // Without an option ROM, OVMF uses EDK2's own PXE client: the code that real boards ship.
  // The LAN has no DHCPv6 server: with PXE over IPv6, a machine that leaves iPXE for its disk would wait for one.
  'uefi-edk2': {
    kind: 'uefi',
    nic: 'virtio-net-pci',
    plainRom: false,
    nicExtra: ',romfile=',
    without: ['IPv6PXESupport'],
  },
  'uefi-http': {
    kind: 'uefi',
    nic: 'virtio-net-pci',
    plainRom: false,
    nicExtra: ',romfile=',
    without: ['IPv4PXESupport', 'IPv6PXESupport'],
  },
}

const OVMF = '/usr/share/OVMF'

/** QEMU's arguments that choose the firmware. UEFI keeps its variables in a copy of its own, as a board does. */
export async function firmwareArgs(firmware: LabFirmware, folder: string, name: string): Promise<string[]> {
  // graphics=off: SeaBIOS shows its text on the serial console too, so that the log tells the whole story
  if (FIRMWARE[firmware].kind === 'bios') return ['-machine', 'pc,graphics=off']
  const variables = join(folder, `${name}.vars.fd`)
  await copyFile(`${OVMF}/OVMF_VARS_4M.fd`, variables)
  return [
    ...['-machine', 'q35'],
    ...['-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${OVMF}/OVMF_CODE_4M.fd`],
    ...['-drive', `if=pflash,unit=1,format=raw,file=${variables}`],
    ...FIRMWARE[firmware].without.flatMap(what => ['-fw_cfg', `name=opt/org.tianocore/${what},string=no`]),
  ]
}
