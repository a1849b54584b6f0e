import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Endpoint, ListenPort } from '../../src/core/bootAnswer.js'
import { createResponder, type Outcome, type Responder } from '../../src/core/responder.js'
import { encode, MESSAGE, OPT } from '../../src/wire/dhcp.js'
import { asked, everything, ipxe, parsed } from '../support/dhcp.js'
import { chance, type Random } from './random.js'

/** What a fuzz run saw. `growth` is the heap's, in bytes, between a quarter of the run and its end. */
export type FuzzReport = {
  packets: number
  outcomes: Record<string, number>
  slowestMs: number
  growth: number
}

const CORPUS: readonly Buffer[] = [
  asked(),
  asked({ arch: 0, flags: 0x8000 }),
  asked({ arch: [11, 7], giaddr: '10.1.0.1' }),
  asked({ arch: 0, options: ipxe(true), secs: 7 }),
  asked({ arch: 0, options: ipxe(false, '\x04iPXE') }),
  asked({ arch: 16, vendorClass: 'HTTPClient:Arch:00016:UNDI:003001' }),
  asked({ arch: 0, mac: 'b8:27:eb:00:00:01' }),
  asked({ type: MESSAGE.request, options: [[OPT.vendorOptions, Buffer.from('470480000000ff', 'hex')]] }),
  asked({ type: MESSAGE.inform, ciaddr: '10.0.0.77', options: [[OPT.vendorOptions, Buffer.alloc(600, 1)]] }),
  asked({ options: [[OPT.overload, Buffer.of(3)]] }),
].map(encode)

const SOURCES: readonly Endpoint[] = [
  { address: '0.0.0.0', port: 68 },
  { address: '10.0.0.77', port: 4011 },
  { address: '255.255.255.255', port: 0 },
]

/**
 * Feeds `count` mutated packets, the same for the same `seed`, to what the listeners call for each packet. Throws,
 * with the packet, when a promise is broken: no exception, no address given away, no answer to a wrong place.
 */
export function run(seed: number, count: number): FuzzReport {
  const random = chance(seed)
  const respond = createResponder({ ...everything, ratePerMac: 1000 })
  const outcomes: Record<string, number> = {}
  let slowestMs = 0
  let heap = 0
  for (let i = 0; i < count; i++) {
    if (i === count >> 2) heap = heapAfterGc()
    const bytes = mutated(random)
    const port: ListenPort = random.below(2) === 0 ? 'dhcp' : 'pxe'
    const begun = performance.now()
    const outcome = judged(respond, bytes, port, random.pick(SOURCES), i * 5000)
    slowestMs = Math.max(slowestMs, performance.now() - begun)
    const name = outcome.kind === 'reply' ? 'reply' : outcome.reason
    outcomes[name] = (outcomes[name] ?? 0) + 1
  }
  return { packets: count, outcomes, slowestMs, growth: heapAfterGc() - heap }
}

function judged(respond: Responder, bytes: Buffer, port: ListenPort, source: Endpoint, now: number): Outcome {
  try {
    const outcome = respond(bytes, port, source, now)
    const broken = outcome.kind === 'reply' ? brokenPromise(outcome.bytes, outcome.answer.to) : undefined
    if (broken) throw new Error(broken)
    return outcome
  } catch (cause) {
    throw new Error(`port ${port}, from ${source.address}, packet ${bytes.toString('hex')}`, { cause })
  }
}

/** What must hold for whatever we send. */
function brokenPromise(bytes: Buffer, to: Endpoint): string | undefined {
  const packet = parsed(bytes)
  if (packet.yiaddr !== '0.0.0.0') return `hands out the address ${packet.yiaddr}`
  for (const code of [1, 3, 6, 50, 51, 58, 59])
    if (packet.options.has(code)) return `configures the network by option ${code}`
  if (packet.op !== 2) return `op ${packet.op}`
  if (bytes.length < 300 || bytes.length > 1472) return `${bytes.length} bytes`
  if (to.address !== '255.255.255.255' && Number.parseInt(to.address, 10) >= 224)
    return `sends to ${to.address}`
  return to.port === 0 ? 'sends to port 0' : undefined
}

function mutated(random: Random): Buffer {
  if (random.below(50) === 0) return random.bytes(random.below(700))
  let bytes = Buffer.from(random.pick(CORPUS))
  for (let n = random.below(4); n > 0; n--) bytes = random.pick(MUTATIONS)(bytes, random)
  return bytes
}

/** Mostly in the options, where the parsing is. */
const somewhere = (bytes: Buffer, random: Random) =>
  Math.min(bytes.length, random.below(3) === 0 ? random.below(bytes.length + 1) : 240 + random.below(80))

const MUTATIONS: readonly ((bytes: Buffer, random: Random) => Buffer<ArrayBuffer>)[] = [
  (bytes, random) => set(bytes, somewhere(bytes, random), random.below(256)),
  (bytes, random) => set(bytes, somewhere(bytes, random), random.pick([0, 1, 127, 128, 254, 255])),
  (bytes, random) => set(bytes, 28 + random.below(6), random.below(256)),
  (bytes, random) => set(bytes, 4 + random.below(4), random.below(256)),
  (bytes, random) => set(bytes, random.below(240), random.below(256)),
  (bytes, random) => Buffer.from(bytes.subarray(0, somewhere(bytes, random))),
  (bytes, random) => {
    const at = somewhere(bytes, random)
    return Buffer.concat([bytes.subarray(0, at), random.bytes(random.below(40)), bytes.subarray(at)])
  },
  (bytes, random) => {
    const at = somewhere(bytes, random)
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random.below(10))])
  },
  (bytes, random) =>
    Buffer.concat([bytes.subarray(0, somewhere(bytes, random)), random.pick(CORPUS).subarray(240)]),
]

function set(bytes: Buffer, at: number, value: number): Buffer<ArrayBuffer> {
  const copy = Buffer.from(bytes)
  if (at < copy.length) copy[at] = value
  return copy
}

function heapAfterGc(): number {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  collect()
  return process.memoryUsage().heapUsed
}
