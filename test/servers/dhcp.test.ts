import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { pino } from 'pino'
import t from 'tap'
import type { RawPacket } from '../../src/control/packets.js'
import type { Sighting } from '../../src/core/sighting.js'
import { startDhcp } from '../../src/servers/dhcp.js'
import { encode, MESSAGE, OPT } from '../../src/wire/dhcp.js'
import { asked, ipxe, parsed, text } from '../support/dhcp.js'

const LOOPBACK = '127.0.0.1'

async function socketOn(t: Tap, port: number, address: string): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  socket.bind(port, address)
  await once(socket, 'listening')
  socket.setBroadcast(true)
  t.teardown(() => socket.close())
  return socket
}
type Tap = { teardown: (f: () => unknown) => void }

/** Ports of this process alone: tests of other files run at the same time. */
const base = 20_000 + (process.pid % 2000) * 16

async function server(t: Tap, offset: number, o: { ratePerMac?: number } = {}) {
  const [dhcpPort, pxePort] = [base + offset, base + offset + 2]
  const sightings: Sighting[] = []
  const packets: RawPacket[] = []
  const lines: { msg: string; level: number }[] = []
  const running = await startDhcp({
    address: LOOPBACK,
    dhcpPort,
    pxePort,
    httpUrl: 'http://127.0.0.1:8067',
    available: () => true,
    ratePerMac: o.ratePerMac ?? 20,
    log: pino({ level: 'info' }, { write: line => void lines.push(JSON.parse(line)) }),
    onSighting: s => sightings.push(s),
    onPacket: p => packets.push(p),
  })
  t.teardown(() => running.close())
  return { ...running, dhcpPort, pxePort, sightings, packets, lines }
}

const message = async (socket: Socket) => {
  const [bytes, source] = await once(socket, 'message', { signal: AbortSignal.timeout(2000) })
  return { packet: parsed(bytes), source }
}

t.test('a broadcast DISCOVER is answered by a broadcast OFFER, told once', async t => {
  const s = await server(t, 0)
  const client = await socketOn(t, s.dhcpPort + 1, '0.0.0.0')
  for (let i = 0; i < 2; i++) {
    const answered = message(client)
    client.send(encode(asked()), s.dhcpPort, '255.255.255.255')
    const { packet, source } = await answered
    t.equal(packet.file, 'snponly.efi')
    t.equal(source.port, s.dhcpPort, 'from the DHCP port')
    t.equal(source.address, packet.siaddr, 'from the address that it names')
  }
  t.match(s.sightings, [
    { mac: '52:54:00:12:34:56', firmware: 'uefi', ipxe: false, why: 'offered snponly.efi' },
  ])
  t.equal(s.sightings.length, 1)
  t.equal(s.lines.filter(line => line.msg === 'offered').length, 1)
  t.equal(s.packets.length, 4)
  t.same(s.counters(), { offers: 2 })
})

t.test('a REQUEST on 4011 is answered from 4011 to the port it came from', async t => {
  const s = await server(t, 4)
  const client = await socketOn(t, 0, LOOPBACK)
  const answered = message(client)
  client.send(encode(asked({ type: MESSAGE.request, arch: 0, options: ipxe(true) })), s.pxePort, LOOPBACK)
  const { packet, source } = await answered
  t.equal(source.port, s.pxePort)
  t.equal(packet.options.get(OPT.messageType)?.[0], MESSAGE.ack)
  t.equal(text(packet, OPT.bootFile), 'http://127.0.0.1:8067/boot/ipxe\0')
})

t.test('what is no netboot packet is counted and gets silence; too many get it too', async t => {
  const s = await server(t, 8, { ratePerMac: 1 })
  const client = await socketOn(t, 0, LOOPBACK)
  const request = (o: Parameters<typeof asked>[0]) => encode(asked({ type: MESSAGE.request, ...o }))
  for (const bytes of [
    Buffer.alloc(3),
    request({ without: [OPT.clientArch] }),
    request({ mac: '52:54:00:00:00:01' }),
    request({ mac: '52:54:00:00:00:01' }),
    request({ arch: 99 }),
    request({ arch: 99 }),
  ])
    client.send(bytes, s.pxePort, LOOPBACK)
  const answers = [message(client)]
  await answers[0]
  const second = message(client)
  client.send(request({ mac: '52:54:00:00:00:02' }), s.pxePort, LOOPBACK)
  t.equal((await second).packet.chaddr[5], 2)
  t.same(s.counters(), {
    malformed: 1,
    'not-netboot': 1,
    acks: 2,
    'rate-limited': 1,
    'unknown-architecture': 2,
  })
  t.equal(s.lines.filter(line => line.msg === 'not answered').length, 2, 'one line each')
})

t.test('a port that is taken: the system error, and nothing stays open', async t => {
  const taken = createSocket({ type: 'udp4' })
  taken.bind(base + 14, LOOPBACK)
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  await t.rejects(server(t, 12), { code: 'EADDRINUSE', syscall: 'bind', port: base + 14 })
})
