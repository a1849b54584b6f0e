/**
 * TFTP packets, bytes <-> values (RFC 1350 section 5, RFC 2347). Pure; nothing here throws on foreign bytes.
 */

const OPCODE = { rrq: 1, wrq: 2, data: 3, ack: 4, error: 5, oack: 6 } as const

/** RFC 1350 appendix I; 8 is RFC 2347 section 4. */
export const ERROR_CODE = {
  other: 0,
  notFound: 1,
  accessViolation: 2,
  illegalOperation: 4,
  unknownTransferId: 5,
  optionsRefused: 8,
} as const

/** Name and value in the order and spelling of the packet: a client may compare them letter by letter. */
export type TftpOption = readonly [name: string, value: string]

export type TftpRequest = {
  op: 'rrq' | 'wrq'
  file: string
  mode: string // lower case: `octet`, `netascii`
  options: readonly TftpOption[]
}

export type TftpPacket =
  | TftpRequest
  | { op: 'data'; block: number; data: Buffer }
  | { op: 'ack'; block: number }
  | { op: 'error'; code: number; message: string }
  | { op: 'oack'; options: readonly TftpOption[] }

/** More options than any client sends; a bound on what one datagram makes us keep. */
const MAX_OPTIONS = 16

/** Latin-1 keeps every byte apart, so a strange name is refused as what it is and never misread as another. */
function strings(bytes: Buffer): string[] | undefined {
  if (bytes.length === 0) return []
  if (bytes[bytes.length - 1] !== 0) return undefined
  return bytes.toString('latin1', 0, bytes.length - 1).split('\0')
}

function pairs(flat: readonly string[]): TftpOption[] | undefined {
  if (flat.length % 2 !== 0 || flat.length > 2 * MAX_OPTIONS) return undefined
  const options: TftpOption[] = []
  for (let i = 0; i < flat.length; i += 2) options.push([flat[i] ?? '', flat[i + 1] ?? ''])
  return options
}

function decodeRequest(op: 'rrq' | 'wrq', body: Buffer): TftpRequest | undefined {
  const [file, mode, ...rest] = strings(body) ?? []
  const options = pairs(rest)
  if (!file || !mode || !options) return undefined
  return { op, file, mode: mode.toLowerCase(), options }
}

function decodeError(bytes: Buffer): TftpPacket {
  const end = bytes.indexOf(0, 4) // a missing NUL is forgiven: the code says enough
  return {
    op: 'error',
    code: bytes.readUInt16BE(2),
    message: bytes.toString('latin1', 4, end < 0 ? undefined : end),
  }
}

/** @returns undefined for anything that is not a whole TFTP packet. DATA shares its memory with `bytes`. */
export function decodeTftp(bytes: Buffer): TftpPacket | undefined {
  if (bytes.length < 4) return undefined
  switch (bytes.readUInt16BE(0)) {
    case OPCODE.ack:
      return { op: 'ack', block: bytes.readUInt16BE(2) }
    case OPCODE.data:
      return { op: 'data', block: bytes.readUInt16BE(2), data: bytes.subarray(4) }
    case OPCODE.rrq:
      return decodeRequest('rrq', bytes.subarray(2))
    case OPCODE.wrq:
      return decodeRequest('wrq', bytes.subarray(2))
    case OPCODE.error:
      return decodeError(bytes)
    case OPCODE.oack: {
      const options = pairs(strings(bytes.subarray(2)) ?? [''])
      return options && { op: 'oack', options }
    }
  }
  return undefined
}

function head(opcode: number, number: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt16BE(opcode, 0)
  bytes.writeUInt16BE(number & 0xffff, 2)
  return bytes
}

function texts(opcode: number, values: readonly string[]): Buffer {
  return Buffer.concat([Buffer.from([0, opcode]), Buffer.from(values.map(v => `${v}\0`).join(''), 'latin1')])
}

export function encodeTftp(packet: TftpPacket): Buffer {
  switch (packet.op) {
    case 'rrq':
    case 'wrq':
      return texts(OPCODE[packet.op], [packet.file, packet.mode, ...packet.options.flat()])
    case 'data':
      return Buffer.concat([head(OPCODE.data, packet.block), packet.data])
    case 'ack':
      return head(OPCODE.ack, packet.block)
    case 'error':
      return Buffer.concat([head(OPCODE.error, packet.code), Buffer.from(`${packet.message}\0`, 'latin1')])
    case 'oack':
      return texts(OPCODE.oack, packet.options.flat())
  }
}

/** Every DATA header there is, made once: 65,536 times 4 bytes that all transfers share and nobody changes. */
const DATA_HEADS = Buffer.alloc(65_536 * 4)
for (let block = 0; block < 65_536; block++) DATA_HEADS.writeUInt32BE((OPCODE.data << 16) | block, block * 4)

/** The four bytes before the data of a block; the number wraps at 16 bits. */
export function dataHead(block: number): Buffer {
  const at = (block & 0xffff) * 4
  return DATA_HEADS.subarray(at, at + 4)
}

const CR = 13
const LF = 10

/** The netascii form of a file (RFC 764, printer and keyboard): LF becomes CR LF, a lone CR becomes CR NUL. */
export function toNetascii(file: Buffer): Buffer {
  let longer = 0
  for (const byte of file) if (byte === LF || byte === CR) longer++
  if (longer === 0) return file
  const out = Buffer.alloc(file.length + longer)
  let at = 0
  for (const byte of file) {
    out[at++] = byte === LF ? CR : byte
    if (byte === LF) out[at++] = LF
    if (byte === CR) out[at++] = 0
  }
  return out
}
