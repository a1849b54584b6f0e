import { readFile } from 'node:fs/promises'
import { type Mac, parseMac } from '../wire/mac.js'

/**
 * Whose IPv4 address is it? The kernel's neighbour table, read at every call: it changes with every packet.
 * @returns undefined when the kernel does not know, as for an address behind a router
 */
export async function macOf(address: string, table = '/proc/net/arp'): Promise<Mac | undefined> {
  return ownerOf(address, await readFile(table, 'utf8'))
}

/** ATF_COM, `linux/if_arp.h`: the entry is complete. Without it the hardware address is zeros. */
const COMPLETE = 0x2

/** Columns: IP address, HW type, flags, HW address, mask, device. The first line is the heading. */
export function ownerOf(address: string, table: string): Mac | undefined {
  for (const row of table.split('\n').slice(1)) {
    const [ip, , flags, mac = ''] = row.split(/\s+/)
    if (ip === address && Number(flags) & COMPLETE) return parseMac(mac)
  }
  return undefined
}
