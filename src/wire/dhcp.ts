/**
 * DHCP packets as values (RFC 2131, RFC 2132, RFC 3396). Options stay raw: a code and its bytes; what they mean
 * is decided elsewhere. Decoding never throws: bytes from the LAN either are a packet or say why they are not.
 */

/** Option codes that netboot needs, named once. */
export const OPT = {
  pad: 0,
  vendorOptions: 43, // RFC 2132 section 8.4; PXE 2.1 table 2-1 for what is inside
  overload: 52, // RFC 2132 section 9.3
  messageType: 53,
  serverId: 54,
  vendorClass: 60,
  serverName: 66,
  bootFile: 67,
  userClass: 77, // RFC 3004, but see userClassIs in core/client
  clientArch: 93, // RFC 4578 section 2.1
  clientUuid: 97, // RFC 4578 section 2.3
  ipxe: 175, // iPXE's encapsulated options
  end: 255,
} as const

export const MESSAGE = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const

export const BOOTREQUEST = 1
export const BOOTREPLY = 2
export const ETHERNET = 1 // htype
export const BROADCAST_FLAG = 0x8000 // RFC 2131 figure 2

export type Options = ReadonlyMap<number, Buffer>

export type Packet = {
  readonly op: number
  readonly htype: number
  readonly hlen: number
  readonly hops: number
  readonly xid: number
  readonly secs: number
  readonly flags: number
  readonly ciaddr: string // addresses are dotted IPv4
  readonly yiaddr: string
  readonly siaddr: string
  readonly giaddr: string
  readonly chaddr: Buffer // always the 16 bytes of the field; hlen says how many count
  readonly sname: string
  readonly file: string
  readonly options: Options
}

export type Malformed = { readonly malformed: string }

const COOKIE = 0x63825363 // RFC 2131 section 3
const SNAME = { start: 44, end: 108 } as const
const FILE = { start: 108, end: 236 } as const
const OPTIONS_START = 240
const MINIMUM_SIZE = 300 // BOOTP's 64-byte vendor area: some ROMs drop shorter replies (RFC 951, RFC 1542 section 2.1)

/** What the overload option's value adds to the options field, in the order of RFC 3396 section 5. */
const OVERLOADED: Record<number, readonly { start: number; end: number }[]> = {
  1: [FILE],
  2: [SNAME],
  3: [FILE, SNAME],
}

export const isMalformed = (value: Packet | Malformed): value is Malformed => 'malformed' in value

/** Decodes one UDP payload. Options that come in several pieces are joined (RFC 3396), overloaded fields read. */
export function decode(bytes: Buffer): Packet | Malformed {
  if (bytes.length < OPTIONS_START) return { malformed: `${bytes.length} bytes are too few for DHCP` }
  if (bytes.readUInt32BE(236) !== COOKIE) return { malformed: 'no DHCP magic cookie' }
  const hlen = bytes.readUInt8(2)
  if (hlen > 16) return { malformed: `hardware address of ${hlen} bytes` }

  const options = new Map<number, Buffer>()
  const wrong = readOptions(bytes, OPTIONS_START, bytes.length, options)
  if (wrong) return { malformed: wrong }
  const overload = options.get(OPT.overload)?.[0] ?? 0
  const areas = OVERLOADED[overload] ?? []
  for (const area of areas) {
    const wrong = readOptions(bytes, area.start, area.end, options)
    if (wrong) return { malformed: wrong }
  }
  return {
    op: bytes.readUInt8(0),
    htype: bytes.readUInt8(1),
    hlen,
    hops: bytes.readUInt8(3),
    xid: bytes.readUInt32BE(4),
    secs: bytes.readUInt16BE(8),
    flags: bytes.readUInt16BE(10),
    ciaddr: readAddress(bytes, 12),
    yiaddr: readAddress(bytes, 16),
    siaddr: readAddress(bytes, 20),
    giaddr: readAddress(bytes, 24),
    chaddr: bytes.subarray(28, 44),
    sname: areas.includes(SNAME) ? '' : readText(bytes, SNAME),
    file: areas.includes(FILE) ? '' : readText(bytes, FILE),
    options,
  }
}

/** Adds one area's options to `into`; says what is wrong, or nothing. A missing END is common enough to accept. */
function readOptions(
  bytes: Buffer,
  start: number,
  end: number,
  into: Map<number, Buffer>,
): string | undefined {
  let at = start
  while (at < end) {
    const code = bytes.readUInt8(at)
    if (code === OPT.end) return undefined
    at += 1
    if (code === OPT.pad) continue
    if (at >= end) return `option ${code} has no length`
    const length = bytes.readUInt8(at)
    at += 1
    if (at + length > end) return `option ${code} is cut short`
    const value = bytes.subarray(at, at + length)
    const before = into.get(code)
    into.set(code, before ? Buffer.concat([before, value]) : value)
    at += length
  }
  return undefined
}

function readText(bytes: Buffer, { start, end }: { start: number; end: number }): string {
  if (bytes[start] === 0) return ''
  const nul = bytes.indexOf(0, start)
  return bytes.toString('latin1', start, nul < 0 ? end : Math.min(nul, end))
}

function readAddress(bytes: Buffer, at: number): string {
  if (bytes.readUInt32BE(at) === 0) return '0.0.0.0' // in nearly every packet of a client
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`
}

/**
 * Encodes a packet: options in the map's order without PAD between them (Raspberry Pi EEPROMs before 2020-01-17
 * stumble over it), those over 255 bytes split, END, zeros up to 300 bytes.
 * Throws RangeError when `file` or `sname` does not fit its field with its NUL: that is a fault of the caller.
 */
export function encode(packet: Packet): Buffer {
  // From Buffer's pool, which is half the cost of memory of its own.
  const bytes = Buffer.allocUnsafe(
    Math.max(MINIMUM_SIZE, OPTIONS_START + optionsSize(packet.options) + 1),
  ).fill(0)
  bytes.writeUInt8(packet.op, 0)
  bytes.writeUInt8(packet.htype, 1)
  bytes.writeUInt8(packet.hlen, 2)
  bytes.writeUInt8(packet.hops, 3)
  bytes.writeUInt32BE(packet.xid, 4)
  bytes.writeUInt16BE(packet.secs, 8)
  bytes.writeUInt16BE(packet.flags, 10)
  writeAddress(bytes, 12, packet.ciaddr)
  writeAddress(bytes, 16, packet.yiaddr)
  writeAddress(bytes, 20, packet.siaddr)
  writeAddress(bytes, 24, packet.giaddr)
  packet.chaddr.copy(bytes, 28, 0, 16)
  writeText(bytes, SNAME, packet.sname)
  writeText(bytes, FILE, packet.file)
  bytes.writeUInt32BE(COOKIE, 236)
  const end = writeOptions(bytes, OPTIONS_START, packet.options)
  bytes.writeUInt8(OPT.end, end)
  return bytes
}

function optionsSize(options: Options): number {
  let size = 0
  for (const value of options.values()) size += value.length + 2 * Math.max(1, Math.ceil(value.length / 255))
  return size
}

function writeOptions(bytes: Buffer, start: number, options: Options): number {
  let at = start
  for (const [code, value] of options) {
    let from = 0
    do {
      const length = Math.min(255, value.length - from)
      bytes.writeUInt8(code, at)
      bytes.writeUInt8(length, at + 1)
      value.copy(bytes, at + 2, from, from + length)
      at += 2 + length
      from += length
    } while (from < value.length)
  }
  return at
}

function writeText(bytes: Buffer, { start, end }: { start: number; end: number }, text: string) {
  if (text === '') return
  if (text.length >= end - start) throw new RangeError(`${text.length} characters do not fit a DHCP field`)
  bytes.write(text, start, 'latin1')
}

function writeAddress(bytes: Buffer, at: number, address: string) {
  if (address === '0.0.0.0') return
  let octet = 0
  let place = at
  for (let i = 0; i < address.length; i++) {
    const code = address.charCodeAt(i)
    if (code === 46) {
      bytes[place++] = octet
      octet = 0
    } else octet = octet * 10 + code - 48
  }
  bytes[place] = octet
}
