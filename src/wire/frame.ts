import { ETHERNET_LINK } from './pcap.js'

/** UDP over IPv4 over Ethernet, for captures only: listeners see UDP payloads. */

export type Endpoint = { readonly address: string; readonly port: number }
export type Datagram = { readonly from: Endpoint; readonly to: Endpoint; readonly payload: Buffer }

const IPV4 = 0x0800
const VLAN_TAGS: ReadonlySet<number> = new Set([0x8100, 0x88a8]) // 802.1Q, 802.1ad
const UDP = 17
const MORE_FRAGMENTS_OR_OFFSET = 0x3fff
const ETHERNET_HEADER = 14
const IP_HEADER = 20
const UDP_HEADER = 8

/** Where the network header starts, by pcap link type; `tcpdump -i any` writes the "cooked" ones. */
const LINK: Record<number, (frame: Buffer) => { type: number; at: number } | undefined> = {
  [ETHERNET_LINK]: ethernet,
  101: () => ({ type: IPV4, at: 0 }), // LINKTYPE_RAW
  113: frame => (frame.length < 16 ? undefined : { type: frame.readUInt16BE(14), at: 16 }), // LINUX_SLL
  276: frame => (frame.length < 20 ? undefined : { type: frame.readUInt16BE(0), at: 20 }), // LINUX_SLL2
}

/** The UDP datagram in a captured frame; undefined for anything else, fragments included. */
export function parseFrame(frame: Buffer, linkType: number = ETHERNET_LINK): Datagram | undefined {
  const network = LINK[linkType]?.(frame)
  return network?.type === IPV4 ? parseIp(frame.subarray(network.at)) : undefined
}

function ethernet(frame: Buffer): { type: number; at: number } | undefined {
  let at = 12
  for (let tags = 0; tags <= 2; tags++) {
    if (at + 2 > frame.length) return undefined
    const type = frame.readUInt16BE(at)
    if (!VLAN_TAGS.has(type)) return { type, at: at + 2 }
    at += 4
  }
  return undefined
}

function parseIp(packet: Buffer): Datagram | undefined {
  if (packet.length < IP_HEADER || packet.readUInt8(0) >> 4 !== 4) return undefined
  const header = (packet.readUInt8(0) & 15) * 4
  const total = packet.readUInt16BE(2)
  if (header < IP_HEADER || total < header + UDP_HEADER || total > packet.length) return undefined
  if (packet.readUInt8(9) !== UDP || packet.readUInt16BE(6) & MORE_FRAGMENTS_OR_OFFSET) return undefined
  const udp = packet.subarray(header, total)
  const length = udp.readUInt16BE(4)
  if (length < UDP_HEADER || length > udp.length) return undefined
  return {
    from: { address: dotted(packet, 12), port: udp.readUInt16BE(0) },
    to: { address: dotted(packet, 16), port: udp.readUInt16BE(2) },
    payload: udp.subarray(UDP_HEADER, length),
  }
}

const dotted = (bytes: Buffer, at: number) => bytes.subarray(at, at + 4).join('.')

/** An Ethernet frame with zero MAC addresses around a datagram; no UDP checksum, which IPv4 allows. */
export function buildFrame({ from, to, payload }: Datagram): Buffer {
  const frame = Buffer.alloc(ETHERNET_HEADER + IP_HEADER + UDP_HEADER + payload.length)
  frame.writeUInt16BE(IPV4, 12)
  const ip = frame.subarray(ETHERNET_HEADER)
  ip.writeUInt8(0x45, 0)
  ip.writeUInt16BE(ip.length, 2)
  ip.writeUInt8(64, 8)
  ip.writeUInt8(UDP, 9)
  ip.set(from.address.split('.').map(Number), 12)
  ip.set(to.address.split('.').map(Number), 16)
  ip.writeUInt16BE(checksum(ip.subarray(0, IP_HEADER)), 10)
  const udp = ip.subarray(IP_HEADER)
  udp.writeUInt16BE(from.port, 0)
  udp.writeUInt16BE(to.port, 2)
  udp.writeUInt16BE(udp.length, 4)
  payload.copy(udp, UDP_HEADER)
  return frame
}

/** The Internet checksum (RFC 1071) of an even number of bytes. */
function checksum(bytes: Buffer): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16)
  return ~sum & 0xffff
}
