import { createSocket } from 'node:dgram'
import { encode } from '../src/wire/dhcp.js'
import { asked } from '../test/support/dhcp.js'

/**
 * Plays many BIOS machines that send a DISCOVER again as soon as they have an OFFER. Run as a process of its own:
 *   dhcpClient.ts ADDRESS UNDER-WAY SECONDS
 * prints one line of JSON: {answers (a second), p50, p99 (ms), lost}. Nothing is decoded on the way but the xid.
 */
const [address = '', underWay = '1', seconds = '2'] = process.argv.slice(2)
const MACHINES = 1024
const LOST_MS = 500
const WARM_UP_MS = 1000
const MOST_SAMPLES = 4_000_000

/** One packet per DISCOVER under way, made a machine's by its xid and MAC. */
const packets = Array.from({ length: Number(underWay) }, () => encode(asked({ arch: 0, flags: 0x8000 })))
const sentAt = new Float64Array(packets.length)
const packetOf = new Int32Array(MACHINES).fill(-1) // which packet a machine waits for, by its xid
const latencies = new Float64Array(MOST_SAMPLES)
let answers = 0
let lost = 0
let machine = 0

const receiver = createSocket({ type: 'udp4', reuseAddr: true })
const sender = createSocket({ type: 'udp4', reuseAddr: true })

function discover(index: number): void {
  const packet = packets[index]
  if (!packet) return
  packetOf[packet.readUInt32BE(4)] = -1
  do machine = (machine + 1) % MACHINES
  while ((packetOf[machine] ?? -1) >= 0)
  packet.writeUInt32BE(machine, 4)
  packet.writeUInt16BE(machine, 32)
  packetOf[machine] = index
  sentAt[index] = performance.now()
  sender.send(packet)
}

receiver.on('message', bytes => {
  const index = packetOf[bytes.readUInt32BE(4)] ?? -1
  if (bytes[0] !== 2 || index < 0) return
  if (answers < MOST_SAMPLES) latencies[answers++] = performance.now() - (sentAt[index] ?? 0)
  discover(index)
})

function sendLostAgain(): void {
  const now = performance.now()
  sentAt.forEach((at, index) => {
    if (now - at < LOST_MS) return
    lost += 1
    discover(index)
  })
}

function report(begun: number): void {
  const elapsed = (performance.now() - begun) / 1000
  const sorted = latencies.subarray(0, answers).sort()
  const at = (part: number) => sorted[Math.floor(answers * part)] ?? 0
  console.log(JSON.stringify({ answers: answers / elapsed, p50: at(0.5), p99: at(0.99), lost }))
  process.exit(0)
}

receiver.bind(68, '0.0.0.0', () =>
  sender.bind(68, address, () => {
    sender.setBroadcast(true)
    sender.connect(67, '255.255.255.255', () => {
      packetOf.fill(-1)
      packets.forEach((_, index) => {
        discover(index)
      })
      setInterval(sendLostAgain, LOST_MS / 5)
      setTimeout(() => {
        answers = 0
        lost = 0
        const begun = performance.now()
        setTimeout(() => report(begun), Number(seconds) * 1000)
      }, WARM_UP_MS)
    })
  }),
)
