import { buildFrame } from '../wire/frame.js'
import { type Capture, writePcap } from '../wire/pcap.js'

/** One UDP datagram as a listener saw or sent it. `at` is milliseconds since the epoch. */
export type RawPacket = {
  readonly at: number
  readonly from: { readonly address: string; readonly port: number }
  readonly to: { readonly address: string; readonly port: number }
  readonly payload: Buffer
}

export type PacketRing = { add(packet: RawPacket): void; pcap(): Buffer }

/** Keeps the last `size` packets in memory; adding one costs no copy. */
export function createPacketRing(size: number): PacketRing {
  const ring: RawPacket[] = []
  let next = 0
  return {
    add(packet) {
      if (size === 0) return
      ring[next] = packet
      next = (next + 1) % size
    },
    /** A classic pcap file, oldest first. UDP sockets see no Ethernet header, so its MAC addresses are zero. */
    pcap() {
      const inOrder = ring.length < size ? ring : [...ring.slice(next), ...ring.slice(0, next)]
      return writePcap(inOrder.map(toCapture))
    },
  }
}

const toCapture = (p: RawPacket): Capture => ({ at: p.at, bytes: buildFrame(p) })
