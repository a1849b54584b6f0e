import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { pino } from 'pino'
import {
  type Action,
  acknowledged,
  begin,
  negotiate,
  repeated,
  type Transfer,
  timedOut,
} from '../../src/core/tftpTransfer.js'
import { startTftp } from '../../src/servers/tftp.js'
import { decodeTftp, encodeTftp } from '../../src/wire/tftp.js'
import { heapAfterGc } from './heap.js'
import { chance, type Random } from './random.js'

/**
 * Seeded garbage for the TFTP codec, the state machine and a live server. Throws on the first thing that is wrong;
 * the same seed and count do the same again.
 */

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`TFTP fuzz: ${what}`)
}

const SEEDS = [
  '\0\x01ipxe.efi\0octet\0tsize\x000\0blksize\x001468\0windowsize\x004\0',
  '\0\x01file\0octet\0windowsize\x002\0',
  '\0\x01\\boot\\undionly.kpxe\0netascii\0',
  '\0\x01ipxe.efi\0octet\0blksize\x0065464\0timeout\x00255\0',
  '\0\x02upload\0octet\0tsize\x0099999999999\0',
  '\0\x03\0\x01data',
  '\0\x04\0\x01',
  '\0\x04\xff\xff',
  '\0\x05\0\x08stop\0',
  '\0\x06blksize\x001468\0',
].map(text => Buffer.from(text, 'latin1'))

/** A packet with some of its bytes changed, cut, repeated; 0 and 1 bytes among them. */
function mutant(random: Random): Buffer {
  const seed = random.pick(SEEDS)
  const grown = random.below(100) < 10 ? Buffer.concat([seed, seed, Buffer.alloc(random.below(1200))]) : seed
  const bytes = Buffer.from(
    grown.subarray(0, random.below(100) < 30 ? random.below(grown.length + 1) : undefined),
  )
  for (let n = random.below(4); n > 0 && bytes.length > 0; n--)
    bytes[random.below(bytes.length)] = random.below(100) < 30 ? 0 : random.below(256)
  return bytes
}

function fuzzCodec(random: Random, count: number) {
  for (let i = 0; i < count; i++) {
    const packet = decodeTftp(mutant(random))
    if (!packet) continue
    const again = decodeTftp(encodeTftp(packet))
    check(JSON.stringify(again) === JSON.stringify(packet), `not the same again: ${JSON.stringify(packet)}`)
  }
}

function options(random: Random) {
  const names = ['blksize', 'windowsize', 'timeout', 'tsize', 'BlkSize', 'rollover']
  const values = ['0', '1', '8', '16', '512', '1468', '65535', '-1', '1e9', '', '99999999999']
  return Array.from({ length: random.below(5) }, () => [random.pick(names), random.pick(values)] as const)
}

function legal(
  { acked, sent, blocks, terms }: Transfer,
  before: Transfer,
  action: Action,
  restarted: boolean,
) {
  check(
    acked <= sent && sent <= blocks && sent - acked <= terms.windowsize,
    'sends past the window or the end',
  )
  check(restarted || acked >= before.acked, 'goes back')
  if (action.kind !== 'send') return
  check(action.first === acked + 1 && action.last === sent, 'sends something else than what is under way')
}

/** One transfer under random events; it has to end by itself once the client is silent. */
function fuzzTransfer(random: Random) {
  const size = random.below(3) * 512 + random.below(200_000)
  const terms = negotiate(options(random), size, 576 + random.below(9000))
  let now = 0
  let [transfer, action] = begin(terms, size, now)
  for (let i = 0; i < 30 && action.kind !== 'end'; i++) {
    const before = transfer
    const what = random.below(100)
    now += random.below(3000)
    const block = random.below(100) < 80 ? transfer.acked + random.below(4) : random.below(65_536)
    if (what < 70) [transfer, action] = acknowledged(transfer, block & 0xffff, now)
    else if (what < 95) [transfer, action] = timedOut(transfer, now)
    else [transfer, action] = repeated(transfer, size, now)
    legal(transfer, before, action, what >= 95)
  }
  for (let i = 0; i < 8 && action.kind !== 'end'; i++) {
    now += 256_000
    ;[transfer, action] = timedOut(transfer, now)
  }
  check(action.kind === 'end', 'never gives up')
}

const FILE = Buffer.from(Array.from({ length: 3000 }, (_, i) => i & 0xff))
const ANSWER = 3000 // ms to wait for what has to come

async function open(): Promise<Socket> {
  const socket = createSocket('udp4')
  await new Promise<void>(done => socket.bind(0, '127.0.0.1', done))
  return socket
}

const next = (socket: Socket) => once(socket, 'message', { signal: AbortSignal.timeout(ANSWER) })

/** Block `wanted`. A server that waited long for its ACK has sent the one before once more: that is skipped. */
async function blockOf(socket: Socket, wanted: number, reply: Promise<unknown[]>) {
  for (;;) {
    const [bytes, from] = (await reply) as [Buffer, RemoteInfo]
    const packet = decodeTftp(bytes)
    check(packet?.op === 'data', `not block ${wanted} but another answer comes`)
    if (packet.block === wanted) return { packet, from }
    check(packet.block === wanted - 1, `block ${wanted} does not come`)
    reply = next(socket)
  }
}

const ack = (block: number) => encodeTftp({ op: 'ack', block })

/** Garbage that is not a legal word of this very client: that would rightly move or end its transfer. */
const harmless = (bytes: Buffer) => !['ack', 'error'].includes(decodeTftp(bytes)?.op ?? '')

/** Sends in bursts that fit a socket's buffer, and waits for the server between them. */
async function burst(from: Socket, port: number, packets: Buffer[]) {
  for (const packet of packets) from.send(packet, port, '127.0.0.1')
  await new Promise(done => setImmediate(done))
}

/** A read of the file that is bombarded from its own port and from a stranger's. @returns datagrams sent */
async function besieged(random: Random, port: number, stranger: Socket, size: number): Promise<number> {
  const client = await open()
  const parts: Buffer[] = []
  let reply = next(client)
  client.send(encodeTftp({ op: 'rrq', file: 'file', mode: 'octet', options: [] }), port, '127.0.0.1')
  let sent = 0
  for (let block = 1; ; block++) {
    const { packet, from } = await blockOf(client, block, reply)
    parts.push(packet.data)
    const mine = Array.from({ length: size }, () => mutant(random))
    await burst(client, from.port, mine.filter(harmless))
    await burst(stranger, from.port, mine)
    await burst(stranger, port, mine)
    sent += 3 * size
    reply = next(client)
    reply.catch(() => {}) // the last one is not waited for
    await new Promise(done => client.send(ack(block), from.port, '127.0.0.1', done))
    if (packet.data.length < 512) break
  }
  client.close()
  check(Buffer.concat(parts).equals(FILE), 'other bytes than the file')
  return sent
}

async function fuzzServer(random: Random, count: number) {
  const log = pino({ level: 'silent' })
  const open_ = async (name: string) => (name === 'file' ? FILE : undefined)
  const server = await startTftp({ address: '127.0.0.1', port: 0, open: open_, maxTransfers: 20, log })
  const stranger = await open()
  for (let sent = 0; sent < count; ) sent += await besieged(random, server.port, stranger, 20)
  const active = () => server.counters().active ?? 0
  for (const end = performance.now() + ANSWER; active() > 1 && performance.now() < end; )
    await new Promise(done => setImmediate(done)) // the last ACK may still be on its way
  check(active() <= 1, 'transfers are left over, beside one that the stranger may have begun')
  stranger.close()
  await server.close()
}

const MAY_GROW = 8 * 1024 * 1024 // bytes

/** @param count packets and events in all: half for the codec, a quarter each for transfers and the live server */
export async function run(seed: number, count: number): Promise<void> {
  const random = chance(seed)
  fuzzCodec(random, Math.ceil(count / 2))
  for (let i = 0; i < count / 4; i += 30) fuzzTransfer(random)
  const before = heapAfterGc()
  await fuzzServer(random, count / 4)
  const grown = heapAfterGc() - before
  check(grown < MAY_GROW, `the heap grew by ${Math.round(grown / 1024)} KiB`)
}
