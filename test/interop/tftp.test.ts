import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { join } from 'node:path'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { read } from '../../bench/tftp/client.js'
import { startTftp } from '../../src/servers/tftp.js'
import { encodeTftp } from '../../src/wire/tftp.js'
import { atftp, curl, fetched, type Get, nodeTftp, type Peer, tftpHpa } from './tftpClients.js'
import { startRelay } from './tftpRelay.js'

/** Our TFTP server against clients that other people wrote. Needs root for the namespace that loses packets. */

const host = '127.0.0.1'
const MIB = 1 << 20
const content = randomBytes(40 * MIB + 1)
const SIZES = [0, 1, 511, 512, 513, 512 * 8, 1468 * 10, 100_000]
t.setTimeout(300_000)
const dir = t.testdir({})
let turn = 0
const target = () => join(dir, `got-${turn++}`)

/** Offers files that are named by their size. */
async function server(t: Test) {
  const open = async (name: string) => (/^\d+$/.test(name) ? content.subarray(0, Number(name)) : undefined)
  const log = pino({ level: 'silent' })
  const tftp = await startTftp({ address: host, port: 0, open, maxTransfers: 64, log })
  t.teardown(() => tftp.close())
  return tftp
}

async function same(t: Test, peer: Peer, port: number, size: number, blksize: number, windowsize = 1) {
  const got = await fetched(peer, { host, port, file: `${size}`, to: target(), blksize, windowsize })
  t.ok(
    got.equals(content.subarray(0, size)),
    `${peer.name}: ${size} bytes by ${blksize}, window ${windowsize}`,
  )
}

for (const peer of [tftpHpa(), atftp(), curl(), nodeTftp()])
  t.test(peer.name, async t => {
    const { port } = await server(t)
    for (const size of SIZES) {
      await same(t, peer, port, size, 512)
      if (peer.options) await same(t, peer, port, size, 1468)
      if (peer.windows) await same(t, peer, port, size, 1468, 16)
    }
  })

t.test('netascii is undone by the client', async t => {
  const text = Buffer.from('one\ntwo\rthree\r\n')
  const open = async () => text
  const log = pino({ level: 'silent' })
  const tftp = await startTftp({ address: host, port: 0, open, maxTransfers: 4, log })
  t.teardown(() => tftp.close())
  const o = { host, port: tftp.port, file: 'text', to: target(), blksize: 512, windowsize: 1 }
  t.same(await fetched(tftpHpa(undefined, 'ascii'), o), text)
})

t.test('an absent file is refused fast', async t => {
  const { port } = await server(t)
  for (const peer of [tftpHpa(), atftp(), curl(), nodeTftp()]) {
    const began = performance.now()
    const o = { host, port, file: 'autoexec.ipxe', to: target(), blksize: 512, windowsize: 1 }
    await t.rejects(peer.get(o), peer.name)
    t.ok(performance.now() - began < 2500, 'fast')
  }
})

const RAW = `socket(S, PF_INET, SOCK_RAW, 17) or die; my ($to, $hex) = @ARGV; my $p = pack("H*", $hex);
send(S, pack("n4", 0, $to, 8 + length $p, 0) . $p, 0, pack_sockaddr_in(0, inet_aton("127.0.0.1"))) or die`

/** Only a raw socket can send from port 0, which means that no answer is wanted (RFC 768). */
const fromPortZero = (port: number, payload: Buffer) =>
  execFileSync('perl', ['-MSocket', '-e', RAW, `${port}`, payload.toString('hex')], { timeout: 5000 })

t.test('packets from port 0 get silence and harm nobody', async t => {
  const tftp = await server(t)
  const request = (file: string) => encodeTftp({ op: 'rrq', file, mode: 'octet', options: [] })
  for (const file of ['absent', '513']) fromPortZero(tftp.port, request(file))
  const client = createSocket('udp4')
  t.teardown(() => client.close())
  client.send(request('513'), tftp.port, host)
  const [, transfer] = await once(client, 'message', { signal: AbortSignal.timeout(5000) })
  fromPortZero(transfer.port, encodeTftp({ op: 'ack', block: 1 }))
  for (const block of [1, 2]) client.send(encodeTftp({ op: 'ack', block }), transfer.port, host)
  while (tftp.counters().complete === 0) await new Promise(resolve => setTimeout(resolve, 5))
  t.match(tftp.counters(), { requests: 1, malformed: 2, foreign: 1, complete: 1, active: 0 })
})

t.test('40 MiB: the block number rolls over', { timeout: 180_000 }, async t => {
  const { port } = await server(t)
  for (const peer of [tftpHpa(), curl()]) await same(t, peer, port, 40 * MIB, 512)
  const { data } = await read({ port, file: `${40 * MIB}`, size: 40 * MIB, blksize: 512, windowsize: 16 })
  t.ok(data.equals(content.subarray(0, 40 * MIB)), 'in windows')
})

t.test('50 clients at once', { timeout: 120_000 }, async t => {
  const tftp = await server(t)
  const peers = Array.from({ length: 50 }, (_, i) => (i % 5 === 0 ? atftp() : curl()))
  await Promise.all(peers.map((peer, i) => same(t, peer, tftp.port, 300_000 + i, 1468, i % 5 === 0 ? 8 : 1)))
  t.match(tftp.counters(), { complete: 50, 'timed-out': 0, aborted: 0 })
})

for (const seed of [1, 2, 3])
  t.test(`packets twice and out of order, seed ${seed}`, { timeout: 120_000 }, async t => {
    const tftp = await server(t)
    const relay = await startRelay(tftp.port, { duplicate: 5, reorder: 5 }, seed)
    t.teardown(() => relay.close())
    const size = 200_000 + seed
    for (const peer of [tftpHpa(), atftp(), curl()]) await same(t, peer, relay.port, size, 1024)
    const { data } = await read({ port: relay.port, file: `${size}`, size, blksize: 1024, windowsize: 16 })
    t.ok(data.equals(content.subarray(0, size)), 'in windows')
  })

/** A namespace whose loopback loses packets, with the real server in it, in a process of its own. */
async function lossy(t: Test, probability: number, folder: string) {
  const name = `mu-${process.pid}-tftp${turn++}`
  const ip = (...args: string[]) => execFileSync('ip', args, { timeout: 5000 })
  ip('netns', 'add', name)
  t.teardown(() => ip('netns', 'del', name))
  const inside = (...command: string[]) => ip('netns', 'exec', name, ...command)
  inside('ip', 'link', 'set', 'lo', 'up')
  const chance = ['-m', 'statistic', '--mode', 'random', '--probability', `${probability}`]
  inside('iptables', '-A', 'INPUT', '-p', 'udp', ...chance, '-j', 'DROP')
  const script = new URL('../../bench/tftp/server.ts', import.meta.url).pathname
  const args = ['netns', 'exec', name, process.execPath, ...process.execArgv, script, '69', folder]
  const child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(async () => {
    child.kill()
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  await once(child.stdout, 'data', { signal: AbortSignal.timeout(20_000) })
  return name
}

const TURNS = 5

/** atftp gives up at a second OACK, which follows when its answer to the first one was lost: then it asks anew. */
async function fetchedThroughLoss(peer: Peer, o: Get, turns = TURNS): Promise<Buffer> {
  try {
    return await fetched(peer, o)
  } catch (error) {
    if (turns === 1 || !/unexpected OACK/.test(String(error))) throw error
    return await fetchedThroughLoss(peer, o, turns - 1)
  }
}

// Few bytes at 5 %: curl asks for a timeout of 5 or 6 s, and so every loss costs it as much.
for (const [probability, kib] of [
  [0.01, 128],
  [0.05, 32],
] as const)
  t.test(`${probability * 100} % of the packets lost each way`, { timeout: 180_000 }, async t => {
    const want = content.subarray(0, kib * 1024)
    const name = await lossy(t, probability, t.testdir({ file: want }))
    const peers = [tftpHpa(name), atftp(name), curl(name)]
    const o = { host, port: 69, file: 'file', blksize: 1024 }
    await Promise.all(
      [...peers.map(peer => [peer, 1] as const), [atftp(name), 16] as const].map(
        async ([peer, windowsize]) => {
          const got = await fetchedThroughLoss(peer, { ...o, to: target(), windowsize })
          t.ok(got.equals(want), `${peer.name}, window ${windowsize}`)
        },
      ),
    )
  })
