import type { Mac } from '../wire/mac.js'
import type { Firmware } from './machine.js'

/** A machine that spoke on the LAN: what one netboot packet (DHCP) tells of its sender. */
export type Sighting = {
  mac: Mac
  uuid?: string // option 97 as text, in either byte order
  firmware?: Firmware
  arch?: string // x86_64, i386, arm64
  ipxe: boolean
  why: string // what it was answered, for people: `offered snponly.efi`
  at: Date
}

/**
 * What iPXE tells of its machine when it asks for its script, before any operating system runs. The strings are
 * SMBIOS values as the vendor wrote them, fillers such as "To Be Filled By O.E.M." included.
 */
export type IpxeReport = {
  mac: Mac // the NIC that it boots from
  uuid?: string
  manufacturer?: string
  product?: string
  serial?: string
  boardSerial?: string
  memsize?: number // MiB
  cores?: number // of the first processor; SMBIOS before 2.5 has none
  platform?: 'pcbios' | 'efi'
  buildarch?: string // the architecture iPXE was built for: i386, x86_64, arm64
  address: string // IPv4 the request came from
  at: Date
}
