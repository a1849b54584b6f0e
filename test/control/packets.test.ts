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
