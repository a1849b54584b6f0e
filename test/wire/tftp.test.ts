import t from 'tap'
import { dataHead, decodeTftp, encodeTftp, type TftpPacket, toNetascii } from '../../src/wire/tftp.js'

const latin1 = (text: string) => Buffer.from(text, 'latin1')

for (const [name, bytes, want] of [
  [
    'EDK2 asks for the size first',
    latin1('\0\x01ipxe.efi\0octet\0tsize\x000\0blksize\x001468\0windowsize\x004\0'),
    {
      op: 'rrq',
      file: 'ipxe.efi',
      mode: 'octet',
      options: [
        ['tsize', '0'],
        ['blksize', '1468'],
        ['windowsize', '4'],
      ],
    },
  ],
  ['a mode in capitals', latin1('\0\x01a\0OCTET\0'), { op: 'rrq', file: 'a', mode: 'octet', options: [] }],
  ['a write', latin1('\0\x02a\0octet\0'), { op: 'wrq', file: 'a', mode: 'octet', options: [] }],
  ['an acknowledgement', latin1('\0\x04\xff\xfe'), { op: 'ack', block: 0xfffe }],
  ['the empty last block', latin1('\0\x03\0\x07'), { op: 'data', block: 7, data: Buffer.alloc(0) }],
  ['an error', latin1('\0\x05\0\x08stop\0'), { op: 'error', code: 8, message: 'stop' }],
  ['an OACK', latin1('\0\x06tsize\x0012\0'), { op: 'oack', options: [['tsize', '12']] }],
] as const)
  t.test(name, async t => {
    const packet = decodeTftp(bytes)
    t.same(packet, want)
    t.same(decodeTftp(encodeTftp(packet as TftpPacket)), want, 'and back')
  })

t.test('an error without its NUL still tells its code', async t =>
  t.same(decodeTftp(latin1('\0\x05\0\x08')), { op: 'error', code: 8, message: '' }),
)

for (const [name, bytes] of [
  ['nothing', ''],
  ['one byte', '\0'],
  ['three bytes of an ACK', '\0\x04\0'],
  ['an unknown operation', '\0\x07\0\0'],
  ['a request without NUL', '\0\x01file'],
  ['a request without mode', '\0\x01file\0'],
  ['a request without file', '\0\x01\0octet\0'],
  ['an option without value', '\0\x01file\0octet\0tsize\0'],
  ['a hundred options', `\0\x01file\0octet\0${'a\x001\0'.repeat(100)}`],
  ['an OACK without NUL', '\0\x06tsize'],
] as const)
  t.test(`not TFTP: ${name}`, async t => t.equal(decodeTftp(latin1(bytes)), undefined))

for (const [block, want] of [
  [1, '00030001'],
  [65_535, '0003ffff'],
  [65_536, '00030000'],
  [65_537, '00030001'],
] as const)
  t.test(`head of block ${block}`, async t => t.equal(dataHead(block).toString('hex'), want))

for (const [name, from, to] of [
  ['nothing to change', 'abc', 'abc'],
  ['LF', 'a\nb\n', 'a\r\nb\r\n'],
  ['CR', 'a\rb', 'a\r\0b'],
  ['CR LF', '\r\n', '\r\0\r\n'],
] as const)
  t.test(`netascii: ${name}`, async t => t.equal(toNetascii(latin1(from)).toString('latin1'), to))
