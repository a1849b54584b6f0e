import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { run } from '../../src/local/replay.js'
import { encode, MESSAGE } from '../../src/wire/dhcp.js'
import { buildFrame } from '../../src/wire/frame.js'
import { writePcap } from '../../src/wire/pcap.js'
import { golden } from '../golden.js'
import { asked } from '../support/dhcp.js'

const HARDWARE = new URL('../fixtures/hardware', import.meta.url).pathname

async function replayed(file: string, json = false): Promise<string[]> {
  const lines: string[] = []
  const wrong = await run(file, { json }, line => lines.push(line))
  return wrong ? [wrong] : lines
}

for (const machine of readdirSync(HARDWARE))
  t.test(`what ${machine} is told`, async t => {
    const lines = await replayed(join(HARDWARE, machine, 'discover.pcap'))
    golden(t, `test/fixtures/hardware/${machine}/replay.txt`, `${lines.join('\n')}\n`)
  })

const folder = mkdtempSync(join(tmpdir(), 'muster-replay-'))
t.teardown(() => rmSync(folder, { recursive: true }))

const ANYWHERE = { address: '0.0.0.0', port: 68 }
const capture = (name: string, ...payloads: (Buffer | [Buffer, number])[]): string => {
  const file = join(folder, name)
  const frames = payloads.map((given, i) => {
    const [payload, port] = Buffer.isBuffer(given) ? [given, 67] : given
    const to = { address: '255.255.255.255', port }
    return { at: i * 1000, bytes: buildFrame({ from: ANYWHERE, to, payload }) }
  })
  writeFileSync(file, writePcap(frames))
  return file
}

t.test('each packet is told, or why it is ignored; other traffic is not', async t => {
  const router = encode(
    asked({ op: 2, type: MESSAGE.offer, yiaddr: '10.0.0.9', siaddr: '10.0.0.1', vendorClass: 'PXEClient' }),
  )
  const file = capture(
    'mixed.pcap',
    encode(asked()),
    [Buffer.from('a name query'), 53],
    Buffer.from('rubbish'),
    encode(asked({ type: MESSAGE.request })),
    [router, 68],
    encode(asked({ arch: 99 })),
  )
  t.same(await replayed(file), [
    '   1     0.000s  DISCOVER 52:54:00:12:34:56, UEFI x64  -> OFFER snponly.efi to 255.255.255.255:68',
    '   3     2.000s  malformed: 7 bytes are too few for DHCP',
    '   4     3.000s  REQUEST 52:54:00:12:34:56, UEFI x64  -> silence: not-ours, message type 3',
    '   5     4.000s  OFFER 10.0.0.9 by 10.0.0.1 to 52:54:00:12:34:56  -> warning: its offers carry option 60 PXEClient: UEFI machines take it for their boot server and ignore us',
    '   6     5.000s  DISCOVER 52:54:00:12:34:56, architecture 99  -> silence: unknown-architecture, architecture 99',
  ])
})

t.test('--json: one object a line, with all fields and options of question and answer', async t => {
  const file = capture('json.pcap', encode(asked()), encode(asked({ without: [60] })))
  const [first, second] = (await replayed(file, true)).map(line => JSON.parse(line))
  t.match(first, {
    number: 1,
    from: ANYWHERE,
    packet: { type: 'DISCOVER', mac: '52:54:00:12:34:56', options: { 93: '0007' } },
    answer: {
      type: 'OFFER',
      file: 'snponly.efi',
      yiaddr: '0.0.0.0',
      to: { port: 68 },
      options: { 54: 'c0000201' },
    },
  })
  t.match(second, { number: 2, seconds: 1, ignored: { reason: 'not-netboot' } })
})

t.test('a file that is none is refused in words', async t => {
  writeFileSync(join(folder, 'text'), 'no capture, but long enough to be one')
  t.match(await replayed(join(folder, 'text')), [/is no pcap file/])
  t.match(await replayed(join(folder, 'absent')), [/cannot read/])
})

t.test('a capture without DHCP is no empty answer', async t =>
  t.match(await replayed(capture('dns.pcap', [Buffer.from('a name query'), 53])), [/: 1 packets, and none/]),
)
