import type { BootContext, Endpoint, ListenPort } from '../../src/core/bootAnswer.js'
import { bootAnswer, type Reply } from '../../src/core/bootAnswer.js'
import { BOOTREQUEST, decode, encode, isMalformed, MESSAGE, OPT, type Packet } from '../../src/wire/dhcp.js'

/** Packets as clients send them, for tests. */

export const OURS = '10.0.0.2'
export const HTTP_URL = `http://${OURS}:8067`
export const GUID = Buffer.from('0033221100554477668899aabbccddeeff', 'hex')

export const everything: BootContext = {
  address: OURS,
  httpUrl: HTTP_URL,
  clientPort: 68,
  relayPort: 67,
  available: () => true,
  failedPrograms: () => 0,
}

export type Asked = Partial<Omit<Packet, 'options'>> & {
  mac?: string
  type?: number
  arch?: number | readonly number[]
  vendorClass?: string
  options?: readonly (readonly [number, Buffer | string])[]
  without?: readonly number[]
}

/** A DISCOVER of UEFI x64 firmware, unless told otherwise. */
export function asked(o: Asked = {}): Packet {
  const { mac = '52:54:00:12:34:56', type = MESSAGE.discover, arch = 7, vendorClass, without = [] } = o
  const numbers = [arch].flat()
  const options = new Map<number, Buffer>([
    [OPT.messageType, Buffer.of(type)],
    [OPT.clientUuid, GUID],
    [OPT.clientArch, Buffer.from(numbers.flatMap(n => [n >> 8, n & 255]))],
    [
      OPT.vendorClass,
      Buffer.from(vendorClass ?? `PXEClient:Arch:${`${numbers[0]}`.padStart(5, '0')}:UNDI:003016`),
    ],
  ])
  for (const [code, value] of o.options ?? []) options.set(code, Buffer.from(value as string))
  for (const code of without) options.delete(code)
  const chaddr = Buffer.alloc(16)
  Buffer.from(mac.replaceAll(':', ''), 'hex').copy(chaddr)
  const zero = '0.0.0.0'
  const header = { op: BOOTREQUEST, htype: 1, hlen: 6, hops: 0, xid: 0x12345678, secs: 0, flags: 0 }
  const addresses = { ciaddr: zero, yiaddr: zero, siaddr: zero, giaddr: zero }
  const { mac: _, type: __, arch: ___, vendorClass: ____, options: _____, without: ______, ...fields } = o
  return { ...header, ...addresses, chaddr, sname: '', file: '', ...fields, options }
}

/** Option 77 and 175 of iPXE, with or without HTTP among its features. */
export const ipxe = (http: boolean, userClass: Buffer | string = 'iPXE') =>
  [
    [OPT.userClass, userClass],
    [OPT.ipxe, Buffer.from(http ? [0x13, 1, 1, 0x21, 1, 1] : [0x21, 1, 1])],
  ] as const

export const ANYWHERE: Endpoint = { address: '0.0.0.0', port: 68 }

/** What was answered, after a trip over the wire; fails loudly where nothing was. */
export function reply(
  packet: Packet,
  o: { port?: ListenPort; source?: Endpoint; context?: Partial<BootContext> } = {},
): Reply {
  const answer = bootAnswer(packet, o.port ?? 'dhcp', o.source ?? ANYWHERE, { ...everything, ...o.context })
  if (answer.kind !== 'reply') throw new Error(`ignored: ${answer.why}`)
  return { ...answer, packet: parsed(encode(answer.packet)) }
}

export function parsed(bytes: Buffer): Packet {
  const packet = decode(bytes)
  if (isMalformed(packet)) throw new Error(packet.malformed)
  return packet
}

export const text = (packet: Packet, code: number) => packet.options.get(code)?.toString('latin1')
export const hex = (packet: Packet, code: number) => packet.options.get(code)?.toString('hex')
