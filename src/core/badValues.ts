import type { Mac } from '../wire/mac.js'

/**
 * Identity values that firmware ships instead of an identity. Each is ignored as if it were absent.
 * Lists grow: a value that two machines share in the field belongs here, with where it was seen.
 */

/** In either byte order: both are reduced to one form before they are compared. */
export const BAD_UUIDS: readonly string[] = [
  '03000200-0400-0500-0006-000700080009', // AMI's default, on countless boards; swapped it reads 00020003-0004-…
  '00000000-0000-0000-0000-000000000000', // "not present" by SMBIOS 7.2.1; QEMU without -uuid
  'ffffffff-ffff-ffff-ffff-ffffffffffff', // "present but not set" by SMBIOS 7.2.1; MSI
  '12345678-1234-5678-90ab-cddeefaabbcc', // AMI evaluation firmware
  '11111111-2222-3333-4444-555555555555', // on boards of a network-boot pool's block list (OpenSLX)
  '4c4c4544-0000-2010-8020-80c04f202020', // Dell without a service tag: "LDEL" and spaces
]

/** Whole values, compared in lower case with spaces collapsed. Patterns for the rest are in {@link isFiller}. */
const FILLERS = new Set([
  'default string',
  'not specified',
  'not applicable',
  'not available',
  'none',
  'n/a',
  'na',
  'null',
  'unknown',
  'invalid',
  'empty',
  'oem',
  'o.e.m.',
  '123456789',
  '0123456789',
  '1234567890',
  '012345678',
  '12345678',
  'system manufacturer',
  'system product name',
  'system name',
  'system version',
])

/** Text that stands where a vendor should have written a value: fillers, one repeated character, nothing. */
export function isFiller(text: string): boolean {
  const value = tidy(text).toLowerCase()
  return (
    FILLERS.has(value) ||
    /^to be filled/.test(value) || // "To Be Filled By O.E.M."
    /^(system|base ?board|board|chassis)? ?serial ?(number|#)?$/.test(value) || // "System Serial Number"
    /^(.)\1*$/.test(value) || // 00000000, ........, XXXXXXXX
    value === ''
  )
}

/** One line without control characters: what SMBIOS holds goes to terminals, logs and tab-separated text. */
export const tidy = (text: string): string =>
  text
    .replace(/\p{C}+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 256)

/**
 * Addresses that whole series of USB adapters carry because their EEPROM was never written. Such a MAC is no
 * proof of a machine, but it supports one: {@link score} counts it for less.
 */
export const SHARED_MACS: ReadonlySet<string> = new Set([
  '00:e0:4c:53:44:58', // DM9601 and SR9700 clones: every one of them
  '00:e0:4c:36:00:01', // RTL8152 and RTL8153: what Realtek's programming tools write unless told otherwise
  '00:e0:4c:68:00:01',
  '00:0e:c6:87:72:01', // ASIX AX88772 and AX88179: the example in the vendor's tools, left as it was
  '00:0e:c6:81:79:01',
])

/** False for addresses that no NIC owns: zero, and groups (multicast; ff:ff:… is one). */
export const isOwnMac = (mac: Mac): boolean =>
  mac !== '00:00:00:00:00:00' && (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0
