import type { Firmware } from './machine.js'

/** The kinds of firmware that ask for a boot program, by name: numbers end at this file. */
export type FirmwareKind = {
  readonly name: string
  readonly firmware: Firmware
  readonly arch?: string // the processor, where the firmware tells it: x86_64, i386, arm64, arm32
  /** Network boot programs, best first. snponly uses the firmware's own driver, so it fits every NIC. */
  readonly programs: readonly string[]
  /** For an iPXE that lacks HTTP, where that differs: it is no UNDI worth keeping, so bring all drivers. */
  readonly programsForIpxe?: readonly string[]
}

const BIOS: FirmwareKind = {
  name: 'BIOS',
  firmware: 'bios',
  programs: ['undionly.kpxe', 'ipxe.pxe'],
  programsForIpxe: ['ipxe.pxe', 'undionly.kpxe'],
}
const UEFI_IA32: FirmwareKind = {
  name: 'UEFI ia32',
  firmware: 'uefi',
  arch: 'i386',
  programs: ['ipxe-ia32.efi'],
}
const UEFI_X64: FirmwareKind = {
  name: 'UEFI x64',
  firmware: 'uefi',
  arch: 'x86_64',
  programs: ['snponly.efi', 'ipxe.efi'],
}
const UEFI_ARM32: FirmwareKind = { name: 'UEFI arm32', firmware: 'uefi', arch: 'arm32', programs: [] }
const UEFI_ARM64: FirmwareKind = {
  name: 'UEFI arm64',
  firmware: 'uefi',
  arch: 'arm64',
  programs: ['snponly-arm64.efi', 'ipxe-arm64.efi'],
}
const UBOOT_ARM64: FirmwareKind = { ...UEFI_ARM64, name: 'U-Boot arm64' }

/** Processor architecture types (IANA "Processor Architecture Types", RFC 4578 with its erratum). */
const BY_NUMBER: Readonly<Record<number, FirmwareKind>> = {
  0: BIOS,
  6: UEFI_IA32,
  7: UEFI_X64, // RFC 4578 calls 7 "EFI BC" and 9 "EFI x86-64"; firmware sends either for x64
  9: UEFI_X64,
  10: UEFI_ARM32,
  11: UEFI_ARM64,
  15: UEFI_IA32, // from 15 on the same firmware, booting by HTTP
  16: UEFI_X64,
  18: UEFI_ARM32,
  19: UEFI_ARM64,
  20: BIOS,
  22: UBOOT_ARM64,
  24: UBOOT_ARM64,
}

/** The first kind that is known among the architecture numbers of option 93, which is a list. */
export function firmwareKind(numbers: readonly number[]): FirmwareKind | undefined {
  for (const number of numbers) {
    const kind = BY_NUMBER[number]
    if (kind) return kind
  }
  return undefined
}
