import t from 'tap'
import { createPacketRing } from '../../src/control/packets.js'
import { parseFrame } from '../../src/wire/frame.js'
import { readPcap } from '../../src/wire/pcap.js'

const packet = (i: number) => ({
  at: i * 1000,
  from: { address: '0.0.0.0', port: 68 },
  to: { address: '255.255.255.255', port: 67 },
  payload: Buffer.from(`${i}`),
})

for (const [name, size, added, want] of [
  ['empty', 3, 0, []],
  ['not yet full', 3, 2, ['0', '1']],
  ['just full', 3, 3, ['0', '1', '2']],
  ['the oldest make room', 3, 8, ['5', '6', '7']],
  ['of no size', 0, 5, []],
] as const)
  t.test(name, async t => {
    const ring = createPacketRing(size)
    for (let i = 0; i < added; i++) ring.add(packet(i))
    const pcap = readPcap(ring.pcap())
    if ('wrong' in pcap) throw new Error(pcap.wrong)
    t.same(
      pcap.captures.map(c => parseFrame(c.bytes)?.payload.toString()),
      want,
    )
    t.same(
      pcap.captures.map(c => c.at / 1000),
      want.map(Number),
    )
  })

t.test('who sent what to whom', async t => {
  const ring = createPacketRing(2)
  const ends = { from: { address: '192.168.1.254', port: 4011 }, to: { address: '10.0.0.7', port: 68 } }
  ring.add({ at: 1, ...ends, payload: Buffer.alloc(1472, 'a') })
  ring.add({ at: 2, ...ends, payload: Buffer.alloc(9000, 'b') })
  const pcap = readPcap(ring.pcap())
  if ('wrong' in pcap) throw new Error(pcap.wrong)
  const [whole, cut] = pcap.captures.map(c => parseFrame(c.bytes))
  t.same(whole, { ...ends, payload: Buffer.alloc(1472, 'a') })
  t.same(cut, { ...ends, payload: Buffer.alloc(1472, 'b') }, 'longer than a frame: its start')
})
