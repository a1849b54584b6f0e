import { createSocket } from 'node:dgram'
import { setTimeout as after } from 'node:timers/promises'
import { encode } from '../src/wire/dhcp.js'
import { asked } from '../test/support/dhcp.js'

/**
 * Plays many BIOS machines that send a DISCOVER again as soon as they have an OFFER. Run as a process of its own:
 *   dhcpClient.ts ADDRESS SECONDS UNDER-WAY...
 * waits for the server, then prints for each number under way one line of JSON: {answers (a second), p50, p99 (ms),
 * lost}. Of an OFFER only the xid is read, so that the client is faster than what it measures.
 */
const [address = '', seconds = '2', ...loads] = process.argv.slice(2)
const MACHINES = 1024
const LOST_MS = 500
const WARM_UP_MS = 1000
const START_MS = 20_000
const MOST_SAMPLES = 2_000_000

const most = Math.max(...loads.map(Number))
/** One packet per DISCOVER under way, made a machine's by its xid and MAC. */
const packets = Array.from({ length: most }, () => encode(asked({ arch: 0, flags: 0x8000, xid: 0 })))
const sentAt = new Float64Array(most)
const packetOf = new Int32Array(MACHINES).fill(-1) // which packet a machine waits for, by its xid
const latencies = new Float64Array(MOST_SAMPLES)
let underWay = 0
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
  if (index < underWay) discover(index)
  else packetOf[bytes.readUInt32BE(4)] = -1
})

function sendLostAgain(): void {
  const now = performance.now()
  for (let index = 0; index < underWay; index++) {
    if (now - (sentAt[index] ?? 0) < LOST_MS) continue
    lost += 1
    discover(index)
  }
}

async function measure(load: number): Promise<void> {
  const more = Array.from({ length: Math.max(0, load - underWay) }, (_, i) => underWay + i)
  underWay = load
  for (const index of more) discover(index)
  await after(WARM_UP_MS)
  answers = 0
  lost = 0
  const begun = performance.now()
  await after(Number(seconds) * 1000)
  const elapsed = (performance.now() - begun) / 1000
  const sorted = latencies.slice(0, answers).sort()
  const at = (part: number) => sorted[Math.floor(sorted.length * part)] ?? 0
  console.log(JSON.stringify({ answers: sorted.length / elapsed, p50: at(0.5), p99: at(0.99), lost }))
}

async function firstAnswer(): Promise<void> {
  const deadline = performance.now() + START_MS
  underWay = 1
  discover(0)
  while (answers === 0 && performance.now() < deadline) await after(LOST_MS / 10)
}

await new Promise<void>(done => receiver.bind(68, '0.0.0.0', done))
await new Promise<void>(done => sender.bind(68, address, done))
sender.setBroadcast(true)
await new Promise<void>(done => sender.connect(67, '255.255.255.255', done))
setInterval(sendLostAgain, LOST_MS / 5)
await firstAnswer()
if (answers > 0) for (const load of loads) await measure(Number(load))
process.exit(0)
