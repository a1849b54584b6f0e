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
const base = 10_000 + (process.pid % 700) * 32

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

t.test(
  'fact 7: a broadcast DISCOVER is answered by a broadcast OFFER out of the same interface, told once',
  async t => {
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
  },
)

t.test('fact 6: a REQUEST on 4011 is answered from 4011 to the port it came from', async t => {
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

t.test('fact 8: the answer comes at once', async t => {
  const s = await server(t, 16)
  const client = await socketOn(t, s.dhcpPort + 1, '0.0.0.0')
  const answered = message(client)
  const begun = performance.now()
  client.send(encode(asked()), s.dhcpPort, '255.255.255.255')
  await answered
  t.ok(performance.now() - begun < 1000, 'well within the 2 s that iPXE waits')
})

t.test('fact 7: beside another DHCP server of this host that shares its port', async t => {
  const s = await server(t, 20)
  const other = await socketOn(t, s.dhcpPort, '0.0.0.0')
  const client = await socketOn(t, s.dhcpPort + 1, '0.0.0.0')
  const both = Promise.all([message(client), once(other, 'message')])
  client.send(encode(asked()), s.dhcpPort, '255.255.255.255')
  t.equal((await both)[0].packet.file, 'snponly.efi', 'both hear a broadcast')
})

t.test('a relay agent asks by unicast and is answered', async t => {
  const s = await server(t, 24)
  const relay = await socketOn(t, s.dhcpPort, '127.0.0.5')
  const answered = message(relay)
  relay.send(encode(asked({ giaddr: '127.0.0.5' })), s.dhcpPort, LOOPBACK)
  t.match(await answered, { packet: { giaddr: '127.0.0.5' }, source: { address: LOOPBACK } })
})

t.test('a router that calls itself PXEClient is warned about once it is known', async t => {
  const s = await server(t, 28)
  const router = await socketOn(t, s.dhcpPort, '127.0.0.6')
  const client = await socketOn(t, s.dhcpPort + 1, '127.0.0.7')
  const chosen = asked({ type: MESSAGE.request, options: [[OPT.serverId, Buffer.of(127, 0, 0, 6)]] })
  const offer = asked({ op: 2, type: MESSAGE.offer, yiaddr: '127.0.0.9', vendorClass: 'PXEClient' })
  client.send(encode(chosen), s.dhcpPort, '255.255.255.255')
  const warned = () => s.lines.filter(line => line.msg.includes('keeps machines from us')).length
  const deadline = Date.now() + 5000
  while (warned() === 0 && Date.now() < deadline) {
    router.send(encode(offer), s.dhcpPort + 1, '255.255.255.255') // as for each machine that starts
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  t.equal(warned(), 1)
})
