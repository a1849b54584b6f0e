import t from 'tap'
import { buildFrame, parseFrame } from '../../src/wire/frame.js'
import { ETHERNET_LINK, readPcap, writePcap } from '../../src/wire/pcap.js'

const FRAME = buildFrame({
  from: { address: '10.0.0.2', port: 67 },
  to: { address: '255.255.255.255', port: 68 },
  payload: Buffer.from('hello'),
})
const AT = 1_700_000_000_123.456

/** One packet, as a machine of the given byte order would write it. */
function fileOf(order: 'LE' | 'BE', magic: number, fraction: number, claimed = FRAME.length): Buffer {
  const file = Buffer.alloc(40)
  const u32 = (value: number, at: number) =>
    order === 'LE' ? file.writeUInt32LE(value, at) : file.writeUInt32BE(value, at)
  u32(magic, 0)
  u32(1, 20)
  u32(1_700_000_000, 24)
  u32(fraction, 28)
  u32(claimed, 32)
  u32(claimed, 36)
  return Buffer.concat([file, FRAME])
}

for (const [name, order, magic, fraction] of [
  ['microseconds, little-endian', 'LE', 0xa1b2c3d4, 123_456],
  ['microseconds, big-endian', 'BE', 0xa1b2c3d4, 123_456],
  ['nanoseconds, little-endian', 'LE', 0xa1b23c4d, 123_456_000],
  ['nanoseconds, big-endian', 'BE', 0xa1b23c4d, 123_456_000],
] as const)
  t.test(name, async t => {
    const captures = [{ at: AT, bytes: FRAME }]
    t.same(readPcap(fileOf(order, magic, fraction)), { linkType: ETHERNET_LINK, captures })
  })

t.test('what is written is read again', async t => {
  const captures = [0, 1, 2].map(i => ({ at: AT + i, bytes: FRAME }))
  t.same(readPcap(writePcap(captures)), { linkType: ETHERNET_LINK, captures })
})

for (const [name, file, want] of [
  ['too short', Buffer.alloc(10), /too short/],
  ['something else', Buffer.alloc(100, 'x'), /no pcap/],
  ['pcapng', Buffer.from(`0a0d0d0a${'00'.repeat(24)}`, 'hex'), /editcap/],
  ['a packet of 4 GiB', fileOf('LE', 0xa1b2c3d4, 0, 0xffffffff), /claims 4294967295/],
] as const)
  t.test(`refused: ${name}`, async t => t.match(readPcap(file), { wrong: want }))

t.test('a file that was cut off keeps its whole packets', async t => {
  const file = writePcap([0, 1].map(at => ({ at, bytes: FRAME })))
  const read = readPcap(file.subarray(0, -1))
  t.equal('captures' in read && read.captures.length, 1)
})

t.test('a frame is read as it was built', async t => {
  t.match(parseFrame(FRAME), { from: { address: '10.0.0.2', port: 67 }, payload: Buffer.from('hello') })
})

const ethernet = FRAME.subarray(0, 12)
const ip = FRAME.subarray(14)
const changed = (at: number, ...bytes: number[]) => {
  const frame = Buffer.from(FRAME)
  frame.set(bytes, at)
  return frame
}

for (const [name, frame, link] of [
  ['with a VLAN tag', Buffer.concat([ethernet, Buffer.of(0x81, 0, 0, 7, 8, 0), ip]), 1],
  ['with two VLAN tags', Buffer.concat([ethernet, Buffer.of(0x88, 0xa8, 0, 7, 0x81, 0, 0, 9, 8, 0), ip]), 1],
  ['without Ethernet', ip, 101],
  ['cooked, of tcpdump -i any', Buffer.concat([Buffer.alloc(14), Buffer.of(8, 0), ip]), 113],
  ['cooked, version 2', Buffer.concat([Buffer.of(8, 0), Buffer.alloc(18), ip]), 276],
  ['with Ethernet padding behind', Buffer.concat([FRAME, Buffer.alloc(20)]), 1],
] as const)
  t.test(`read: ${name}`, async t => t.equal(parseFrame(frame, link)?.payload.toString(), 'hello'))

for (const [name, frame, link] of [
  ['IPv6', changed(12, 0x86, 0xdd), 1],
  ['TCP', changed(23, 6), 1],
  ['a fragment', changed(20, 0x20, 0), 1],
  ['an IP header over the end', changed(14, 0x4f), 1],
  ['a UDP length over the end', changed(38, 0xff, 0xff), 1],
  ['a UDP length under its header', changed(38, 0, 7), 1],
  ['three VLAN tags', Buffer.concat([ethernet, Buffer.from('8100000081000000810000000800', 'hex'), ip]), 1],
  ['an unknown link type', FRAME, 250],
] as const)
  t.test(`left alone: ${name}`, async t => t.equal(parseFrame(frame, link), undefined))

t.test('a frame cut anywhere is never an exception', async t => {
  for (let length = 0; length < FRAME.length; length++)
    for (const link of [1, 101, 113, 276]) t.equal(parseFrame(FRAME.subarray(0, length), link), undefined)
})
