import type { Duplex } from 'node:stream'

/**
 * Makes QEMU's iPXE option ROM look like the plain PXE ROM of an ordinary board.
 *
 * Every boot ROM that QEMU ships is an iPXE with HTTP, which needs no network boot program at all. So that a BIOS
 * machine really fetches `undionly.kpxe` by TFTP and runs it on the ROM's UNDI, its DHCP packets lose what only iPXE
 * sends: user class (option 77) and encapsulated options (175). Both turn into PAD. The program that was fetched is itself
 * an iPXE and must not be disguised: from the machine's first TFTP request on nothing is changed, until it is reset.
 *
 * QEMU hands over each frame that the machine sends on `from` and takes it back on `to`: four bytes of length, then
 * the frame (its filter-redirector object).
 */
export type PlainRom = {
  /** The machine was reset: its ROM speaks next. */
  reset(): void
}

export function disguise(from: Duplex, to: Duplex): PlainRom {
  let romSpeaks = true
  let rest: Buffer = Buffer.alloc(0)
  from.on('data', (data: Buffer) => {
    rest = Buffer.concat([rest, data])
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
      const frame = rest.subarray(4, 4 + rest.readUInt32BE(0))
      if (udpPort(frame) === TFTP) romSpeaks = false
      if (romSpeaks && udpPort(frame) === DHCP) hideIpxe(frame)
      to.write(rest.subarray(0, 4 + frame.length))
      rest = rest.subarray(4 + frame.length)
    }
  })
  for (const stream of [from, to]) stream.on('error', () => {}) // QEMU was killed
  return {
    reset() {
      romSpeaks = true
    },
  }
}

const DHCP = 67
const TFTP = 69
const ETHERNET = 14
const UDP = 8
const OPTIONS = 240 // of a DHCP packet: 236 fixed bytes (RFC 2131 section 2), then the magic cookie
const OPTION = { pad: 0, userClass: 77, ipxe: 175, end: 255 } as const

/** The destination port, where the frame is IPv4 and UDP. */
function udpPort(frame: Buffer): number | undefined {
  if (frame.length < ETHERNET + 20 + UDP || frame.readUInt16BE(12) !== 0x0800) return undefined
  return frame[ETHERNET + 9] === 17 ? frame.readUInt16BE(udpStart(frame) + 2) : undefined
}

const udpStart = (frame: Buffer) => ETHERNET + ((frame[ETHERNET] ?? 0) & 0x0f) * 4

function hideIpxe(frame: Buffer): void {
  const udp = udpStart(frame)
  frame.writeUInt16BE(0, udp + 6) // no checksum, which UDP over IPv4 allows
  let at = udp + UDP + OPTIONS
  while (at + 1 < frame.length && frame[at] !== OPTION.end) {
    if (frame[at] === OPTION.pad) {
      at += 1
      continue
    }
    const next = at + 2 + (frame[at + 1] ?? 0)
    if (frame[at] === OPTION.userClass || frame[at] === OPTION.ipxe) frame.fill(OPTION.pad, at, next)
    at = next
  }
}
