import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { bootAnswer } from '../../src/core/bootAnswer.js'
import { uuidOf } from '../../src/core/client.js'
import { createGuard } from '../../src/core/guard.js'
import { createResponder } from '../../src/core/responder.js'
import { routerWarning } from '../../src/core/routerOffer.js'
import { BOOTREPLY, BROADCAST_FLAG, encode, MESSAGE, OPT } from '../../src/wire/dhcp.js'
import {
  ANYWHERE,
  type Asked,
  asked,
  everything,
  GUID,
  HTTP_URL,
  hex,
  ipxe,
  OURS,
  parsed,
  reply,
  text,
} from '../support/dhcp.js'

/**
 * What real firmware does on the wire, one row a fact. The numbers are stable: cite them in bug reports. Facts 7 and
 * 8 are about sockets and time: see test/servers/dhcp.test.ts.
 */

const why = (packet: Asked, port: 'dhcp' | 'pxe' = 'dhcp', source = ANYWHERE) => {
  const answer = bootAnswer(asked(packet), port, source, everything)
  return answer.kind === 'ignore' ? answer.reason : answer.kind
}
const type = (o: Parameters<typeof reply>) => reply(...o).packet.options.get(OPT.messageType)?.[0]
const file = (packet: Asked) => reply(asked(packet)).packet.file
const request = (o: Asked = {}) => asked({ type: MESSAGE.request, ...o })
const EDK2_ASKS = { address: '10.0.0.77', port: 4011 }
const OLD_ROM_ASKS = { address: '10.0.0.78', port: 68 }
const pxe = (o: Asked = {}, source = EDK2_ASKS) => reply(request(o), { port: 'pxe', source })
const bios: Asked = { arch: 0 }
const pi4: Asked = { arch: 0, mac: 'dc:a6:32:01:02:03', vendorClass: 'PXEClient:Arch:00000:UNDI:002001' }
const pi3: Asked = { ...pi4, mac: 'b8:27:eb:01:02:03' }
const http: Asked = { arch: 16, vendorClass: 'HTTPClient:Arch:00016:UNDI:003001' }

const hexText = (text: string) => Buffer.from(text).toString('hex')
const PI_MENU = `0601030a04005058450914000011${hexText('Raspberry Pi Boot')}ff`
const PI3_MENU = `0601030a04005058450917000014${hexText('Raspberry Pi Boot   ')}ff`

const FACTS: readonly (readonly [string, (t: Test) => void])[] = [
  ['1 port 67: a DISCOVER gets an OFFER', t => t.equal(type([asked()]), MESSAGE.offer)],
  ['1 a packet that is itself a reply is ignored', t => t.equal(why({ op: BOOTREPLY }), 'not-a-request')],
  ['1 no Ethernet hardware type', t => t.equal(why({ htype: 6 }), 'not-ethernet')],
  ['1 a hardware address that is not six bytes', t => t.equal(why({ hlen: 8 }), 'not-ethernet')],
  ['1 no option 60', t => t.equal(why({ without: [OPT.vendorClass] }), 'not-netboot')],
  ['1 option 60 of an ordinary DHCP client', t => t.equal(why({ vendorClass: 'MSFT 5.0' }), 'not-netboot')],
  ['1 HTTPClient is a netboot client too', t => t.equal(why(http), 'reply')],
  ['1 no option 93', t => t.equal(why({ without: [OPT.clientArch] }), 'not-netboot')],
  ['1 option 94 (UNDI version) is not needed', t => t.notOk(asked().options.has(94) || why({}) !== 'reply')],
  ['2 port 67: a REQUEST belongs to the LAN’s DHCP server', t => t.equal(why({ type: 3 }), 'not-ours')],
  [
    '2 port 67: nor is a REQUEST or INFORM answered that names a PXE boot item (43.71)',
    t => {
      const options = [[OPT.vendorOptions, Buffer.from('470480000000ff', 'hex')]] as const
      for (const type of [MESSAGE.request, MESSAGE.inform]) t.equal(why({ type, options }), 'not-ours')
    },
  ],
  [
    '3 port 4011: a REQUEST gets an ACK',
    t => t.equal(pxe().packet.options.get(OPT.messageType)?.[0], MESSAGE.ack),
  ],
  [
    '3 port 4011: an INFORM gets an ACK',
    t => t.equal(type([request({ type: MESSAGE.inform }), { port: 'pxe', source: EDK2_ASKS }]), MESSAGE.ack),
  ],
  [
    '3 port 4011: BIOS too (Intel UNDI PXE-2.0 build 071 asks)',
    t => t.equal(pxe(bios).packet.file, 'undionly.kpxe'),
  ],
  ['3 port 4011: a DISCOVER is not for there', t => t.equal(why({}, 'pxe', EDK2_ASKS), 'not-ours')],
  [
    '3 port 4011: any xid, ciaddr filled in: no state is kept of an OFFER',
    t => {
      const { packet } = pxe({ xid: 0xdeadbeef, ciaddr: EDK2_ASKS.address })
      t.match(packet, { xid: 0xdeadbeef, ciaddr: EDK2_ASKS.address })
    },
  ],
  [
    '4 from a relay agent: to giaddr, port 67, flags as they were',
    t => {
      const answer = reply(asked({ giaddr: '10.1.0.1' }))
      t.same(answer.to, { address: '10.1.0.1', port: 67 })
      t.match(answer.packet, { giaddr: '10.1.0.1', flags: 0 })
    },
  ],
  [
    '4 a relay address that is no host gets silence',
    t => {
      for (const giaddr of ['255.255.255.255', '224.0.0.1', '0.0.0.1'])
        t.equal(why({ giaddr }), 'no-way-back')
    },
  ],
  [
    '5 port 67: broadcast to port 68 with the broadcast flag',
    t => {
      const answer = reply(asked({ flags: 0 }))
      t.same(answer.to, { address: '255.255.255.255', port: 68 })
      t.equal(answer.packet.flags, BROADCAST_FLAG)
    },
  ],
  [
    '5 xid, chaddr and giaddr are copied; op is 2, yiaddr 0',
    t => {
      const from = asked({ xid: 0x01020304 })
      const { packet } = reply(from)
      t.match(packet, { op: 2, xid: 0x01020304, giaddr: '0.0.0.0', yiaddr: '0.0.0.0' })
      t.same(packet.chaddr, from.chaddr)
    },
  ],
  [
    '6 port 4011: to the packet’s own source, EDK2 on 4011 and older ROMs on 68',
    t => {
      for (const source of [EDK2_ASKS, OLD_ROM_ASKS]) t.same(pxe({}, source).to, source)
    },
  ],
  [
    '6 port 4011: no source address, no answer',
    t => t.equal(why({ type: 3 }, 'pxe', ANYWHERE), 'no-way-back'),
  ],
  [
    '9 siaddr and option 54 are the address that we send from',
    t => {
      for (const { packet } of [reply(asked()), pxe()]) {
        t.equal(packet.siaddr, OURS)
        t.equal(hex(packet, OPT.serverId), '0a000002')
      }
    },
  ],
  [
    '10 the file’s name is in the file field and, with a NUL, in option 67',
    t => {
      const { packet } = reply(asked())
      t.equal(packet.file, 'snponly.efi')
      t.equal(text(packet, OPT.bootFile), 'snponly.efi\0')
    },
  ],
  [
    '10 a name over 127 bytes is in option 67 alone, and nothing is overloaded',
    t => {
      const httpUrl = `http://10.0.0.2:8067/${'a'.repeat(120)}`
      const { packet } = reply(asked({ options: ipxe(true) }), { context: { httpUrl } })
      t.equal(packet.file, '')
      t.equal(text(packet, OPT.bootFile), `${httpUrl}/boot/ipxe\0`)
      t.notOk(packet.options.has(OPT.overload))
    },
  ],
  [
    '11 sname and option 66 hold the dotted address',
    t =>
      t.match(reply(asked()).packet, {
        sname: OURS,
        options: new Map([[OPT.serverName, Buffer.from(OURS)]]),
      }),
  ],
  [
    '11 a Raspberry Pi gets option 66 without NUL',
    t => t.equal(text(reply(asked(pi4)).packet, OPT.serverName), OURS),
  ],
  ['12 option 60 says PXEClient', t => t.equal(text(reply(asked()).packet, OPT.vendorClass), 'PXEClient')],
  [
    '12 option 60 says HTTPClient to HTTP boot',
    t => t.equal(text(reply(asked(http)).packet, OPT.vendorClass), 'HTTPClient'),
  ],
  ['13 option 97 is echoed', t => t.same(reply(asked()).packet.options.get(OPT.clientUuid), GUID)],
  [
    '13 option 97 may be absent: then it is absent in the answer',
    t => t.notOk(reply(asked({ without: [OPT.clientUuid] })).packet.options.has(OPT.clientUuid)),
  ],
  [
    '13 option 97 may be all zero: echoed, but no UUID',
    t => {
      const answer = reply(asked({ options: [[OPT.clientUuid, Buffer.alloc(17)]] }))
      t.same(answer.packet.options.get(OPT.clientUuid), Buffer.alloc(17))
      t.equal(uuidOf(answer.client), undefined)
    },
  ],
  ['13 option 97 in any other form', t => t.equal(why({ options: [[97, Buffer.alloc(16, 7)]] }), 'bad-uuid')],
  [
    '13 option 97 has its first three fields in little-endian order',
    t => t.equal(uuidOf(reply(asked()).client), '00112233-4455-6677-8899-aabbccddeeff'),
  ],
  [
    '14 option 43: BIOS is told to take the file of this offer',
    t => t.equal(hex(reply(asked(bios)).packet, OPT.vendorOptions), '060108ff'),
  ],
  [
    '14 option 43: UEFI gets none on 67 nor on 4011 (EDK2 before April 2017)',
    t => {
      for (const arch of [6, 7, 9, 11])
        for (const { packet } of [reply(asked({ arch })), pxe({ arch })])
          t.notOk(packet.options.has(OPT.vendorOptions), `${arch}`)
    },
  ],
  [
    '14 option 43: the boot item (71) is echoed to those that ask with one',
    t => {
      const options = [[OPT.vendorOptions, Buffer.from('470480000000ff', 'hex')]] as const
      t.equal(hex(pxe({ arch: 0, options }).packet, OPT.vendorOptions), '060108470480000000ff')
      t.equal(hex(pxe({ options }).packet, OPT.vendorOptions), '470480000000ff')
    },
  ],
  [
    '15 no PAD between the options, END, then zeros up to 300 bytes',
    t => {
      const bytes = encode(reply(asked()).packet)
      t.ok(bytes.length >= 300 && bytes.length <= 576, `${bytes.length} bytes`)
      let at = 240
      while (bytes[at] !== OPT.end) {
        t.not(bytes[at], OPT.pad)
        at += 2 + (bytes[at + 1] ?? 0)
      }
      t.ok(bytes.subarray(at + 1).every(byte => byte === 0))
    },
  ],
  [
    '15 option 57 changes nothing (EDK2 sends 65280)',
    t => {
      const size = (options: Asked['options'] & object) => encode(reply(asked({ options })).packet).length
      t.equal(size([[57, Buffer.of(0xff, 0)]]), size([]))
      t.equal(size([[57, Buffer.of(0, 1)]]), size([]))
    },
  ],
  [
    '16 options in an overloaded file field, one of them in two pieces, are read',
    t => {
      const bytes = Buffer.concat([encode(asked({ arch: 0, without: [60, 93] })), Buffer.alloc(8)])
      const end = bytes.indexOf(OPT.end, 240 + 3 + 19)
      bytes.set([OPT.overload, 1, 1, OPT.vendorClass, 3, ...Buffer.from('PXE'), OPT.end], end)
      bytes.set([OPT.vendorClass, 6, ...Buffer.from('Client'), OPT.clientArch, 2, 0, 0, OPT.end], 108)
      t.equal(reply(parsed(bytes)).packet.file, 'undionly.kpxe')
    },
  ],
  ...(
    [
      [0, 'BIOS', 'undionly.kpxe'],
      [6, 'UEFI ia32', 'ipxe-ia32.efi'],
      [7, 'UEFI x64', 'snponly.efi'],
      [9, 'UEFI x64 by the number that RFC 4578 swapped', 'snponly.efi'],
      [11, 'UEFI arm64', 'snponly-arm64.efi'],
      [22, 'U-Boot arm64', 'snponly-arm64.efi'],
      [24, 'U-Boot arm64 by its HTTP number', 'snponly-arm64.efi'],
    ] as const
  ).map(
    ([arch, name, want]) =>
      [`17 architecture ${arch} is ${name}`, (t: Test) => t.equal(file({ arch }), want)] as const,
  ),
  ...(
    [
      [15, 'UEFI ia32', 'ipxe-ia32.efi'],
      [16, 'UEFI x64', 'snponly.efi'],
      [19, 'UEFI arm64', 'snponly-arm64.efi'],
      [20, 'BIOS', 'undionly.kpxe'],
    ] as const
  ).map(
    ([arch, name, want]) =>
      [
        `17 architecture ${arch} is ${name} that boots by HTTP`,
        (t: Test) => t.equal(file({ ...http, arch }), `${HTTP_URL}/boot/files/${want}`),
      ] as const,
  ),
  [
    '17 UEFI arm32 (10, 18) is known, but there is no boot program for it',
    t => {
      for (const arch of [10, 18]) t.equal(why({ arch }), 'no-program')
    },
  ],
  [
    '17 option 93 is a list: the first known number counts',
    t => t.equal(file({ arch: [4242, 11, 0] }), 'snponly-arm64.efi'),
  ],
  [
    '17 an unknown architecture gets silence and one log line',
    t => {
      const respond = createResponder({ ...everything, ratePerMac: 20 })
      const outcome = () => respond(encode(asked({ arch: 4242 })), 'dhcp', ANYWHERE, 0)
      t.match(outcome(), { kind: 'ignore', reason: 'unknown-architecture', why: /4242/, notable: true })
      t.match(outcome(), { kind: 'ignore', notable: false })
    },
  ],
  ['18 the user class iPXE comes bare', t => t.equal(file({ options: ipxe(true) }), `${HTTP_URL}/boot/ipxe`)],
  [
    '18 the user class iPXE comes length-prefixed, also as one of several',
    t => {
      for (const userClass of ['\x04iPXE', '\x03foo\x04iPXE'])
        t.equal(file({ options: ipxe(true, userClass) }), `${HTTP_URL}/boot/ipxe`)
    },
  ],
  ['18 another user class is not iPXE', t => t.equal(file({ options: ipxe(true, 'iPXE2') }), 'snponly.efi')],
  [
    '19 any iPXE that lists HTTP gets the script’s URL, in a ROM or ours',
    t => {
      for (const arch of [0, 7, 11]) t.equal(file({ arch, options: ipxe(true) }), `${HTTP_URL}/boot/ipxe`)
    },
  ],
  ['19 an iPXE without HTTP is chained to ours', t => t.equal(file({ options: ipxe(false) }), 'snponly.efi')],
  [
    '19 iPXE that keeps coming back gets silence, then is served again',
    t => {
      const guard = createGuard({ ratePerMac: 100 })
      const mac = reply(asked()).client.mac
      const round = (xid: number, now: number) =>
        guard.admit({ mac, ipxe: true, discover: true, xid, offered: 'x' }, now).kind
      const rounds = [1, 2, 3, 4, 5, 6, 7].map(xid => round(xid, xid * 3000))
      t.same(rounds, ['go', 'go', 'go', 'go', 'go', 'silence', 'silence'])
      t.equal(round(8, 90_000), 'go')
    },
  ],
  ['20 a BIOS ROM gets undionly.kpxe', t => t.equal(file(bios), 'undionly.kpxe')],
  [
    '20 a BIOS iPXE ROM without HTTP gets ipxe.pxe',
    t => t.equal(file({ arch: 0, options: ipxe(false) }), 'ipxe.pxe'),
  ],
  [
    '20 UEFI gets snponly.efi, and ipxe.efi where that is absent or failed',
    t => {
      t.equal(file({}), 'snponly.efi')
      t.equal(reply(asked(), { context: { available: p => p === 'ipxe.efi' } }).packet.file, 'ipxe.efi')
      t.equal(reply(asked(), { context: { failedPrograms: () => 1 } }).packet.file, 'ipxe.efi')
      t.equal(reply(asked(), { context: { failedPrograms: () => 2 } }).packet.file, 'snponly.efi')
    },
  ],
  [
    '20 no program at hand: silence that says so',
    t =>
      t.match(bootAnswer(asked(), 'dhcp', ANYWHERE, { ...everything, available: () => false }), {
        reason: 'no-program',
      }),
  ],
  [
    '21 the script frees autoexec.ipxe before the kernel and names the initrd for UEFI',
    t => {
      const script = readFileSync(new URL('../../ipxe/scout.ipxe.njk', import.meta.url), 'utf8')
      t.match(script, /imgfree.*kernel .* initrd=initrd /s)
    },
  ],
  [
    '22 iPXE’s secs field tells its tries and whose offers it holds',
    t => {
      const { client } = reply(asked({ secs: (3 << 2) | 2, options: ipxe(true) }))
      t.same(client.ipxe?.secs, { tries: 3, gotOffer: true, gotProxy: false })
    },
  ],
  [
    '22 a router that sends option 175.176=1 silences us: warned about',
    t => {
      const offer = (value: number) =>
        asked({
          type: MESSAGE.offer,
          yiaddr: '10.0.0.9',
          vendorClass: 'x',
          options: [[175, Buffer.of(176, 1, value)]],
        })
      t.match(routerWarning(offer(1)), /175\.176/)
      t.equal(routerWarning(offer(0)), undefined)
    },
  ],
  [
    'HTTP boot: the URL has an IP literal, in file and option 67',
    t => {
      const { packet } = reply(asked(http))
      t.equal(packet.file, 'http://10.0.0.2:8067/boot/files/snponly.efi')
      t.equal(text(packet, OPT.bootFile), `${packet.file}\0`)
    },
  ],
  [
    'HTTP boot: no option 43, to BIOS neither',
    t => t.notOk(reply(asked({ ...http, arch: 20 })).packet.options.has(OPT.vendorOptions)),
  ],
  [
    'Secure Boot cannot be seen in DHCP: its firmware asks, and is answered, like any other',
    t => t.same(reply(asked({ arch: 7 })).packet, reply(asked({ arch: 7 })).packet),
  ],
  [
    'GRUB2 ignores proxy offers: it gets the one of its firmware, and no iPXE script',
    t => t.equal(file({ arch: 7, without: [OPT.clientUuid] }), 'snponly.efi'),
  ],
  [
    'Raspberry Pi: the menu that it insists on',
    t => t.equal(hex(reply(asked(pi4)).packet, OPT.vendorOptions), PI_MENU),
  ],
  [
    'Raspberry Pi 3B: the same text with three trailing spaces',
    t => t.equal(hex(reply(asked(pi3)).packet, OPT.vendorOptions), PI3_MENU),
  ],
  ...['b8:27:eb', 'dc:a6:32', 'e4:5f:01', '28:cd:c1', 'd8:3a:dd', '2c:cf:67'].map(
    oui =>
      [
        `Raspberry Pi: known by OUI ${oui}`,
        (t: Test) => t.ok(reply(asked({ arch: 0, mac: `${oui}:00:00:01` })).client.pi),
      ] as const,
  ),
  ...['RPi4', 'RPi5'].map(
    model =>
      [
        `Raspberry Pi: known by ${model} in option 97 whatever its OUI`,
        (t: Test) => {
          const guid = Buffer.concat([Buffer.of(0), Buffer.from(model), Buffer.alloc(12, 1)])
          t.ok(reply(asked({ arch: 0, options: [[OPT.clientUuid, guid]] })).client.pi)
        },
      ] as const,
  ),
  [
    'Raspberry Pi: no file name, it has its own',
    t => {
      const { packet } = reply(asked(pi4))
      t.equal(packet.file, '')
      t.notOk(packet.options.has(OPT.bootFile))
    },
  ],
  [
    'Raspberry Pi: one that runs UEFI or iPXE is booted as such',
    t => {
      t.equal(file({ ...pi4, arch: 11 }), 'snponly-arm64.efi')
      t.equal(file({ ...pi4, options: ipxe(true) }), `${HTTP_URL}/boot/ipxe`)
    },
  ],
  [
    'Raspberry Pi: nobody else gets the menu',
    t => t.not(hex(reply(asked(bios)).packet, OPT.vendorOptions), PI_MENU),
  ],
  [
    'security: malformed packets are dropped silently, with a reason to count',
    t => {
      const respond = createResponder({ ...everything, ratePerMac: 20 })
      for (const bytes of [Buffer.alloc(0), Buffer.alloc(240), encode(asked()).subarray(0, 250)])
        t.match(respond(bytes, 'dhcp', ANYWHERE, 0), { kind: 'ignore', reason: 'malformed', notable: false })
    },
  ],
  [
    'security: answers for one MAC are limited, the first refusal is told',
    t => {
      const respond = createResponder({ ...everything, ratePerMac: 2 })
      const outcomes = [0, 1, 2, 3, 10_000].map(now => respond(encode(asked()), 'dhcp', ANYWHERE, now))
      t.match(outcomes, [
        { kind: 'reply' },
        { kind: 'reply' },
        { reason: 'rate-limited', notable: true },
        { reason: 'rate-limited', notable: false },
        { kind: 'reply' },
      ])
    },
  ],
  [
    'router: an offer with option 60 PXEClient is warned about (EDK2 then talks to the router)',
    t => {
      const offer = (vendorClass: string, type: number = MESSAGE.offer) =>
        routerWarning(asked({ type, yiaddr: '10.0.0.9', vendorClass }))
      t.match(offer('PXEClient'), /PXEClient/)
      t.equal(offer('something'), undefined)
      t.equal(offer('PXEClient', MESSAGE.discover), undefined, 'a client says so by right')
    },
  ],
]

for (const [name, check] of FACTS) t.test(name, async t => check(t))
