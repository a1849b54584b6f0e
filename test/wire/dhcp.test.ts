import t from 'tap'
import { decode, encode, isMalformed, OPT } from '../../src/wire/dhcp.js'
import { asked, parsed } from '../support/dhcp.js'

const OPTIONS_AT = 240

/** A packet whose options area is just these bytes. */
function withOptions(...bytes: number[]): Buffer {
  const packet = Buffer.concat([encode(asked()).subarray(0, OPTIONS_AT), Buffer.from(bytes)])
  return packet
}
const optionsOf = (packet: Buffer) => [...parsed(packet).options].map(([code, value]) => [code, [...value]])

t.test('what is encoded is decoded again', async t => {
  const packet = asked({ sname: 'here', file: 'a/b', giaddr: '10.1.2.255', secs: 65535, flags: 0x8000 })
  t.same(parsed(encode(packet)), packet)
})

for (const [name, area, want] of [
  [
    'PAD between options is one byte long',
    [0, 0, 53, 1, 1, 0, 60, 1, 65, 255],
    [
      [53, [1]],
      [60, [65]],
    ],
  ],
  ['nothing after END counts', [53, 1, 1, 255, 60, 1, 65], [[53, [1]]]],
  ['END may be missing', [53, 1, 1], [[53, [1]]]],
  ['an empty option is one', [80, 0, 255], [[80, []]]],
  [
    'an option in three pieces is one (RFC 3396)',
    [60, 1, 65, 12, 1, 1, 60, 0, 60, 2, 66, 67, 255],
    [
      [60, [65, 66, 67]],
      [12, [1]],
    ],
  ],
] as const)
  t.test(name, async t => t.same(optionsOf(withOptions(...area)), want))

t.test('overload: the file field goes before sname, both after the options', async t => {
  const packet = withOptions(52, 1, 3, 60, 1, 65, 255)
  packet.set([60, 1, 67, 255], 44)
  packet.set([60, 1, 66, 255], 108)
  const { options, file, sname } = parsed(packet)
  t.equal(options.get(60)?.toString(), 'ABC')
  t.equal(file + sname, '', 'they hold no names then')
})

t.test('overload of one field leaves the other a name', async t => {
  const packet = withOptions(52, 1, 1, 255)
  packet.write('name\0', 44)
  packet.set([12, 1, 7, 255], 108)
  t.match(parsed(packet), { sname: 'name', file: '' })
})

for (const [name, bytes, want] of [
  ['nothing', Buffer.alloc(0), /too few/],
  ['a header without cookie', Buffer.alloc(236), /too few/],
  ['a wrong magic cookie', Buffer.alloc(300), /cookie/],
  ['an option without its length', withOptions(53), /53 has no length/],
  ['an option over the end of the packet', withOptions(53, 1, 1, 60, 200, 65), /60 is cut short/],
  ['a hardware address of 17 bytes', Buffer.from(encode(asked())).fill(17, 2, 3), /17 bytes/],
] as const)
  t.test(`malformed: ${name}`, async t => t.match(decode(bytes), { malformed: want }))

t.test('malformed: an option over the end of an overloaded field', async t => {
  const packet = withOptions(52, 1, 1, 255)
  packet.set([60, 127], 108)
  t.match(decode(packet), { malformed: /60 is cut short/ })
})

t.test('an option of 600 bytes is split and joined again', async t => {
  const value = Buffer.from(Array.from({ length: 600 }, (_, i) => i & 255))
  const bytes = encode(asked({ options: [[OPT.vendorOptions, value]] }))
  t.equal(bytes.length, 240 + 600 + 3 * 2 + 3 + 19 + 4 + 34 + 1)
  t.same(parsed(bytes).options.get(OPT.vendorOptions), value)
})

t.test('short packets are padded to 300 bytes', async t => {
  t.equal(encode(asked({ without: [60, 93, 97] })).length, 300)
})

t.test('a name that does not fit its field is a fault', async t => {
  t.throws(() => encode(asked({ file: 'x'.repeat(128) })), RangeError)
  t.doesNotThrow(() => encode(asked({ file: 'x'.repeat(127) })))
})

t.test('every byte cut off a packet leaves a packet or a reason, never an exception', async t => {
  const whole = encode(asked())
  for (let length = 0; length < whole.length; length++) decode(whole.subarray(0, length))
  t.ok(isMalformed(decode(whole.subarray(0, 245))))
})
