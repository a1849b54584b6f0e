/** Classic pcap files (the libpcap format, version 2.4), as tcpdump writes them. */

export type Capture = { readonly at: number /* ms since the epoch */; readonly bytes: Buffer }
export type Pcap = { readonly linkType: number; readonly captures: readonly Capture[] }
export type NotPcap = { readonly wrong: string }

export const ETHERNET_LINK = 1 // LINKTYPE_ETHERNET

const MICRO = 0xa1b2c3d4
const NANO = 0xa1b23c4d
const PCAPNG = 0x0a0d0d0a
const FILE_HEADER = 24
const RECORD_HEADER = 16
const LARGEST = 262_144 // tcpdump's own limit for one packet

type Reader = { readonly u32: (at: number) => number; readonly nano: boolean }

/** Reads microsecond and nanosecond files of either byte order; a last packet that was cut short is left out. */
export function readPcap(file: Buffer): Pcap | NotPcap {
  if (file.length < FILE_HEADER) return { wrong: 'the file is too short for a pcap header' }
  if (file.readUInt32BE(0) === PCAPNG)
    return { wrong: 'this is pcapng; convert it with: editcap -F pcap IN OUT' }
  const reader = readerOf(file)
  if (!reader) return { wrong: 'this is no pcap file: its magic number is unknown' }
  const captures: Capture[] = []
  for (let at = FILE_HEADER; at + RECORD_HEADER <= file.length; ) {
    const length = reader.u32(at + 8)
    if (length > LARGEST) return { wrong: `packet ${captures.length + 1} claims ${length} bytes` }
    const start = at + RECORD_HEADER
    if (start + length > file.length) break
    const fraction = reader.u32(at + 4) / (reader.nano ? 1e6 : 1e3)
    captures.push({ at: reader.u32(at) * 1000 + fraction, bytes: file.subarray(start, start + length) })
    at = start + length
  }
  return { linkType: reader.u32(20) & 0xffff, captures }
}

function readerOf(file: Buffer): Reader | undefined {
  const big = file.readUInt32BE(0)
  const little = file.readUInt32LE(0)
  if (big === MICRO || big === NANO) return { u32: at => file.readUInt32BE(at), nano: big === NANO }
  if (little === MICRO || little === NANO) return { u32: at => file.readUInt32LE(at), nano: little === NANO }
  return undefined
}

/** Writes Ethernet frames as a microsecond file. */
export function writePcap(captures: readonly Capture[]): Buffer {
  const header = Buffer.alloc(FILE_HEADER)
  header.writeUInt32BE(MICRO, 0)
  header.writeUInt16BE(2, 4)
  header.writeUInt16BE(4, 6)
  header.writeUInt32BE(LARGEST, 16)
  header.writeUInt32BE(ETHERNET_LINK, 20)
  return Buffer.concat([header, ...captures.flatMap(record)])
}

function record({ at, bytes }: Capture): Buffer[] {
  const header = Buffer.alloc(RECORD_HEADER)
  const microseconds = Math.round(at * 1000)
  header.writeUInt32BE(Math.floor(microseconds / 1e6), 0)
  header.writeUInt32BE(microseconds % 1e6, 4)
  header.writeUInt32BE(bytes.length, 8)
  header.writeUInt32BE(bytes.length, 12)
  return [header, bytes]
}
