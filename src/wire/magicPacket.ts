import type { Mac } from './mac.js'

const REPEATS = 16

/**
 * What a sleeping network card waits for: six bytes of ones, and its MAC address sixteen times (AMD, Magic Packet
 * Technology, 20213). It is looked for anywhere in a frame, whatever that is.
 */
export function magicPacket(mac: Mac): Buffer {
  const address = Buffer.from(mac.replaceAll(':', ''), 'hex')
  return Buffer.concat([Buffer.alloc(6, 0xff), ...Array<Buffer>(REPEATS).fill(address)])
}
