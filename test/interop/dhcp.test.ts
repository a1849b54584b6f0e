import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createResponder } from '../../src/core/responder.js'
import { encode, MESSAGE, OPT, type Packet } from '../../src/wire/dhcp.js'
import { buildFrame } from '../../src/wire/frame.js'
import { writePcap } from '../../src/wire/pcap.js'
import { createLan, DAEMON_INTERFACE, type Lan, ROUTER_ADDRESS } from '../lab/lib/namespaces.js'
import { run, runIn, type Service, startIn } from '../lab/lib/process.js'
import { asked, everything, ipxe, OURS, parsed } from '../support/dhcp.js'

/** Our answers as other people's programs see them. Needs root for the namespaces of the last part. */

const CLIENTS: readonly (readonly [name: string, packet: Packet, file: string])[] = [
  ['BIOS', asked({ arch: 0 }), 'undionly.kpxe'],
  ['UEFI x64', asked({ arch: 7 }), 'snponly.efi'],
  ['UEFI arm64', asked({ arch: 11 }), 'snponly-arm64.efi'],
  ['HTTP boot', asked({ arch: 16, vendorClass: 'HTTPClient' }), `http://${OURS}:8067/boot/files/snponly.efi`],
  ['iPXE', asked({ arch: 0, options: ipxe(true) }), `http://${OURS}:8067/boot/ipxe`],
  ['Raspberry Pi 3', asked({ arch: 0, mac: 'b8:27:eb:00:00:01' }), ''],
  ['Raspberry Pi 4', asked({ arch: 0, mac: 'dc:a6:32:00:00:01' }), ''],
  ['REQUEST on 4011', asked({ arch: 0, type: MESSAGE.request }), 'undionly.kpxe'],
]

function answerTo(packet: Packet): Buffer {
  const respond = createResponder({ ...everything, ratePerMac: 99 })
  const pxe = packet.options.get(OPT.messageType)?.[0] === MESSAGE.request
  const outcome = respond(encode(packet), pxe ? 'pxe' : 'dhcp', { address: '10.0.0.77', port: 4011 }, 0)
  if (outcome.kind !== 'reply') throw new Error(outcome.why)
  return outcome.bytes
}

t.test('tshark finds nothing odd in our answers, and the same file names', async t => {
  const file = join(t.testdir({}), 'answers.pcap')
  const captures = CLIENTS.map(([, packet], i) => ({
    at: i,
    bytes: buildFrame({
      from: { address: OURS, port: 67 },
      to: { address: '255.255.255.255', port: 68 },
      payload: answerTo(packet),
    }),
  }))
  writeFileSync(file, writePcap(captures))
  const tshark = (...args: string[]) => run('tshark', ['-r', file, ...args], { timeoutMs: 60_000 })
  const odd = '_ws.malformed or _ws.expert.severity >= "Warning" or dhcp.option.end == 0'
  t.equal(await tshark('-Y', odd), '')
  const names = await tshark('-T', 'fields', '-e', 'dhcp.option.bootfile_name')
  t.same(
    names.split('\n').slice(0, -1),
    CLIENTS.map(([, , file]) => file),
  )
})

type DhcpPackage = { parse(bytes: Buffer): { siaddr: string; yiaddr: string; file: string; options: object } }
const peer: DhcpPackage = createRequire(import.meta.url)('dhcp/lib/protocol.js')

for (const [name, packet, file] of CLIENTS)
  t.test(`the npm package dhcp reads our answer to ${name}`, async t => {
    const read = peer.parse(answerTo(packet))
    t.match(read, { siaddr: OURS, yiaddr: '0.0.0.0', options: { 54: OURS, 66: OURS } })
    t.equal(read.file, file)
  })

const CLIENT_ADDRESS = '10.77.0.9'
const EVERYBODY = '255.255.255.255'

type Answer = { from: string; packet: Packet }
type Question = { packet: Packet; to?: string; port?: number; toPort?: number; answers: number }

async function ask(lan: Lan, o: Question): Promise<Answer[]> {
  const { packet, to = EVERYBODY, port = 68, toPort = 67, answers } = o
  const script = ['--import=@tapjs/typescript/import', 'test/interop/dhcpClient.ts']
  const words = [CLIENT_ADDRESS, port, to, toPort, answers, encode(packet).toString('hex')].map(String)
  const out = await runIn(lan.machines, process.execPath, [...script, ...words], 30_000)
  const lines = out.split('\n').slice(0, -1)
  return lines.map(line => {
    const { from, hex } = JSON.parse(line)
    return { from, packet: parsed(Buffer.from(hex, 'hex')) }
  })
}

async function startLan(t: Test): Promise<{ lan: Lan; muster: Service }> {
  const folder = t.testdir({ state: { boot: {} } })
  for (const program of ['undionly.kpxe', 'snponly.efi'])
    writeFileSync(join(folder, 'state/boot', program), 'x')
  mkdirSync(join(folder, 'logs'))
  const lan = await createLan()
  t.teardown(() => lan.close())
  await run('ip', ['-n', lan.machines, 'address', 'add', `${CLIENT_ADDRESS}/24`, 'dev', 'br0'])
  const dnsmasq = [
    ...['--no-daemon', '--conf-file=/dev/null', '--user=root', '--port=0', '--leasefile-ro', '--no-ping'],
    ...[
      '--dhcp-range=10.77.0.100,10.77.0.199,1h',
      '--interface=lan0',
      '--bind-interfaces',
      '--log-facility=-',
    ],
    '--dhcp-option-force=60,PXEClient', // the mistake that machines suffer from
  ]
  const log = (name: string) => ({ name, logFile: join(folder, 'logs', name) })
  const router = startIn(lan.router, 'dnsmasq', dnsmasq, log('router'))
  const serve = [
    'dist/cli.js',
    'serve',
    '--state-dir',
    join(folder, 'state'),
    '--interface',
    DAEMON_INTERFACE,
  ]
  const muster = startIn(lan.daemon, process.execPath, serve, log('muster'))
  t.teardown(() => Promise.all([router.stop(), muster.stop()]))
  await router.output.waitFor(/DHCP, IP range/, 10_000)
  await muster.output.waitFor(/"msg":"ready"/, 30_000)
  return { lan, muster }
}

t.test('beside dnsmasq as the router', { timeout: 180_000 }, async t => {
  const { lan, muster } = await startLan(t)
  const discover = asked({ flags: 0x8000 })
  const request = { type: MESSAGE.request, flags: 0x8000 }

  const offers = await ask(lan, { packet: discover, answers: 3 })
  const of = (from: string) => offers.filter(offer => offer.from === from)
  t.equal(of(`${ROUTER_ADDRESS}:67`).length, 1, 'the router offers an address')
  t.equal(of('10.77.0.2:67').length, 1, 'we offer once')
  t.match(of('10.77.0.2:67')[0]?.packet, { yiaddr: '0.0.0.0', file: 'snponly.efi', siaddr: '10.77.0.2' })

  const yiaddr = of(`${ROUTER_ADDRESS}:67`)[0]?.packet.yiaddr ?? ''
  const wanted = Buffer.from(yiaddr.split('.').map(Number))
  const chosen = asked({
    ...request,
    options: [
      [OPT.serverId, Buffer.of(10, 77, 0, 1)],
      [50, wanted],
    ],
  })
  const acks = await ask(lan, { packet: chosen, answers: 2 })
  t.same(
    acks.map(ack => [ack.from, ack.packet.options.get(OPT.messageType)?.[0]]),
    [[`${ROUTER_ADDRESS}:67`, MESSAGE.ack]],
    'the router alone answers the REQUEST',
  )

  for (const port of [4011, 68]) {
    const packet = asked({ ...request, ciaddr: CLIENT_ADDRESS })
    const [ack] = await ask(lan, { packet, to: '10.77.0.2', port, toPort: 4011, answers: 1 })
    t.equal(ack?.from, '10.77.0.2:4011', `4011 answers to port ${port}`)
    t.equal(ack?.packet.file, 'snponly.efi')
  }

  await ask(lan, { packet: discover, answers: 3 }) // now that the REQUEST has told who the router is
  await muster.output.waitFor(/keeps machines from us/, 5_000)
  t.pass('a router that calls itself PXEClient is warned about')
})
