import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { startTftp } from '../../src/servers/tftp.js'
import { decodeTftp, encodeTftp, type TftpOption, type TftpPacket } from '../../src/wire/tftp.js'
import { run as fuzz } from '../fuzz/tftp.js'

const FILE = Buffer.from(Array.from({ length: 5000 }, (_, i) => i % 251))
const files: Record<string, Buffer> = { 'ipxe.efi': FILE, 'a/b': FILE, text: Buffer.from('one\ntwo\r') }

async function server(t: Test, more: { maxTransfers?: number; open?: () => Promise<Buffer> } = {}) {
  const lines: { msg: string; level: number }[] = []
  const log = pino({ level: 'debug' }, { write: line => void lines.push(JSON.parse(line)) })
  const open = async (name: string) => (Object.hasOwn(files, name) ? files[name] : undefined)
  const tftp = await startTftp({ address: '127.0.0.1', port: 0, maxTransfers: 10, open, log, ...more })
  t.teardown(() => tftp.close())
  return { ...tftp, lines }
}

/** A client by hand: sends packets and tells what comes back, in order. */
class Client {
  readonly socket: Socket
  readonly got: [TftpPacket, RemoteInfo][] = []
  readonly port: number

  constructor(t: Test, port: number) {
    this.port = port
    this.socket = createSocket('udp4')
    this.socket.on('message', (bytes, from) => {
      const packet = decodeTftp(bytes)
      if (packet) this.got.push([packet, from])
    })
    this.socket.bind(0, '127.0.0.1')
    t.teardown(() => new Promise<void>(done => this.socket.close(() => done())))
  }

  send(packet: TftpPacket | Buffer, to = this.port) {
    this.socket.send(Buffer.isBuffer(packet) ? packet : encodeTftp(packet), to, '127.0.0.1')
  }

  read(file: string, options: TftpOption[] = [], mode = 'octet') {
    this.send({ op: 'rrq', file, mode, options })
  }

  async next(): Promise<[TftpPacket, RemoteInfo]> {
    while (this.got.length === 0) await once(this.socket, 'message', { signal: AbortSignal.timeout(2500) })
    return this.got.shift() as [TftpPacket, RemoteInfo]
  }
}

async function until(what: () => boolean) {
  const end = Date.now() + 2500
  while (!what() && Date.now() < end) await new Promise(done => setTimeout(done, 5))
}

/** Reads to the end as a well-behaved client does. */
async function whole(client: Client, file: string, options: TftpOption[] = [], mode = 'octet') {
  const blksize = Number(options.find(([name]) => name === 'blksize')?.[1] ?? 512)
  const parts: Buffer[] = []
  client.read(file, options, mode)
  for (;;) {
    const [packet, from] = await client.next()
    if (packet.op === 'oack') client.send({ op: 'ack', block: 0 }, from.port)
    else if (packet.op === 'data') {
      if (packet.block === parts.length + 1) parts.push(packet.data) // on a busy host one may come twice
      client.send({ op: 'ack', block: packet.block }, from.port)
      if (packet.data.length < blksize) return Buffer.concat(parts)
    } else throw new Error(JSON.stringify(packet))
  }
}

for (const [name, file, options, mode, want] of [
  ['plain', 'ipxe.efi', [], 'octet', FILE],
  ['a slash in front', '/ipxe.efi', [], 'octet', FILE],
  ['backslashes', '\\a\\b', [], 'octet', FILE],
  ['large blocks', 'ipxe.efi', [['blksize', '1468']], 'octet', FILE],
  ['an exact multiple', 'ipxe.efi', [['blksize', '1000']], 'octet', FILE],
  ['netascii', 'text', [], 'netascii', Buffer.from('one\r\ntwo\r\0')],
] as const)
  t.test(`read: ${name}`, async t => {
    const tftp = await server(t)
    t.same(await whole(new Client(t, tftp.port), file, [...options], mode), want)
    await until(() => tftp.counters().active === 0)
    t.match(tftp.counters(), { complete: 1, active: 0, bytes: want.length, resent: 0 })
  })

for (const [name, request, code] of [
  ['absent file', { op: 'rrq', file: 'autoexec.ipxe', mode: 'octet', options: [] }, 1],
  ['path traversal', { op: 'rrq', file: '../../etc/passwd', mode: 'octet', options: [] }, 1],
  ['name of a property', { op: 'rrq', file: 'constructor', mode: 'octet', options: [] }, 1],
  ['write', { op: 'wrq', file: 'ipxe.efi', mode: 'octet', options: [] }, 2],
  ['mail mode', { op: 'rrq', file: 'ipxe.efi', mode: 'mail', options: [] }, 4],
] as const)
  t.test(`refused: ${name}`, async t => {
    const tftp = await server(t)
    const client = new Client(t, tftp.port)
    client.send(request)
    t.match((await client.next())[0], { op: 'error', code })
    t.equal(tftp.counters().active, 0)
  })

t.test('EDK2 asks for the size, aborts, and reads from another port', async t => {
  const tftp = await server(t)
  const probe = new Client(t, tftp.port)
  const options: TftpOption[] = [
    ['tsize', '0'],
    ['blksize', '1468'],
    ['windowsize', '1'],
  ]
  probe.read('ipxe.efi', options)
  const [packet, from] = await probe.next()
  t.match(packet, { op: 'oack', options: [['tsize', '5000'], options[1], options[2]] })
  t.not(from.port, tftp.port, 'a port of its own')
  probe.send({ op: 'error', code: 8, message: 'User aborted the transfer' }, from.port)
  await until(() => tftp.counters().active === 0)
  t.match(tftp.counters(), { aborted: 1, active: 0 })
  t.ok(
    tftp.lines.every(line => line.level === 20),
    'nothing alarming in the log',
  )
  t.same(await whole(new Client(t, tftp.port), 'ipxe.efi', options), FILE)
})

t.test("a stranger on the transfer's port gets ERROR 5 and disturbs nothing", async t => {
  const tftp = await server(t)
  const client = new Client(t, tftp.port)
  const stranger = new Client(t, tftp.port)
  client.read('ipxe.efi')
  const [, from] = await client.next()
  stranger.send({ op: 'error', code: 0, message: 'die' }, from.port)
  t.match((await stranger.next())[0], { op: 'error', code: 5 })
  client.send({ op: 'ack', block: 1 }, from.port)
  t.match((await client.next())[0], { op: 'data', block: 2 })
})

t.test('garbage to a live transfer does not end it', async t => {
  const tftp = await server(t)
  const client = new Client(t, tftp.port)
  client.read('ipxe.efi')
  const [, from] = await client.next()
  for (const hex of ['', '00', '0004', '000400', '0001', '00030001ff', '000600', 'ffffffff'])
    client.send(Buffer.from(hex, 'hex'), from.port)
  client.send({ op: 'ack', block: 1 }, from.port)
  t.match((await client.next())[0], { op: 'data', block: 2 })
})

t.test('a lost packet is sent again after a second', async t => {
  const tftp = await server(t)
  const client = new Client(t, tftp.port)
  client.read('ipxe.efi')
  await client.next()
  const before = performance.now()
  t.match((await client.next())[0], { op: 'data', block: 1 })
  t.ok(performance.now() - before > 900)
})

t.test('the same port asks for another file: the first transfer ends', async t => {
  const tftp = await server(t)
  const client = new Client(t, tftp.port)
  client.read('ipxe.efi')
  await client.next()
  client.read('text')
  t.match((await client.next())[0], { op: 'data', block: 1, data: files.text })
  t.match(tftp.counters(), { active: 1, restarted: 1, stopped: 1 })
})

t.test('the same request again is answered from the same port', async t => {
  const tftp = await server(t)
  const client = new Client(t, tftp.port)
  client.read('ipxe.efi')
  const [, first] = await client.next()
  await new Promise(done => setTimeout(done, 300)) // sooner it counts as a copy that the network made
  const before = performance.now()
  client.read('ipxe.efi')
  const [packet, second] = await client.next()
  t.match(packet, { op: 'data', block: 1 })
  t.ok(performance.now() - before < 500, 'before the retransmission')
  t.equal(second.port, first.port)
  t.equal(tftp.counters().active, 1)
})

t.test('garbage in every form, a short run', async () => fuzz(1, 2000))

t.test('one transfer too many is told so', async t => {
  const tftp = await server(t, { maxTransfers: 2 })
  const clients = [0, 1, 2].map(() => new Client(t, tftp.port))
  for (const client of clients.slice(0, 2)) {
    client.read('ipxe.efi')
    await client.next()
  }
  clients[2]?.read('ipxe.efi')
  const answer = await clients[2]?.next()
  t.match(answer?.[0], { op: 'error', code: 0, message: /busy/ })
  t.match(tftp.counters(), { busy: 1, active: 2 })
})

t.test('a file that cannot be read is an error for the client and in the log', async t => {
  const tftp = await server(t, { open: () => Promise.reject(new Error('disk on fire')) })
  const client = new Client(t, tftp.port)
  client.read('ipxe.efi')
  t.match((await client.next())[0], { op: 'error', code: 0 })
  t.match(tftp.counters(), { failed: 1, active: 0 })
  t.ok(tftp.lines.some(line => line.level === 50))
})
