import { PassThrough } from 'node:stream'
import t from 'tap'
import { disguise } from './lib/plainRom.js'

const DHCP = 67
const TFTP = 69
const USER_CLASS = [77, 4, ...Buffer.from('iPXE')]
const IPXE = [175, 3, 19, 1, 1]
const VENDOR_CLASS = [60, 9, ...Buffer.from('PXEClient')]

/** An Ethernet frame with IPv4 and UDP, and a DHCP packet with these options in it. */
function frame(port: number, options: readonly number[]): Buffer {
  const head = Buffer.alloc(14 + 20 + 8 + 240)
  head.writeUInt16BE(0x0800, 12)
  head[14] = 0x45
  head[14 + 9] = 17
  head.writeUInt16BE(port, 14 + 20 + 2)
  return Buffer.concat([head, Buffer.from([...options, 255])])
}

const framed = (bytes: Buffer) => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

const optionsOf = (sent: Buffer) => [...sent.subarray(4 + 14 + 20 + 8 + 240)]
const zeros = (n: number) => Array<number>(n).fill(0)

t.test('the frames of a disguised ROM', async t => {
  const from = new PassThrough()
  const to = new PassThrough()
  const rom = disguise(from, to)
  const through = async (bytes: Buffer) => {
    from.write(bytes)
    return to.read() ?? (await new Promise<Buffer>(resolve => to.once('readable', () => resolve(to.read()))))
  }
  const telling = framed(frame(DHCP, [...USER_CLASS, ...VENDOR_CLASS, ...IPXE]))
  const hidden = [...zeros(6), ...VENDOR_CLASS, ...zeros(5), 255]

  t.same(optionsOf(await through(telling)), hidden, 'user class and 175 turn into PAD')
  from.write(telling.subarray(0, 30))
  t.same(optionsOf(await through(telling.subarray(30))), hidden, 'a frame that comes in pieces')
  const other = framed(frame(4011, IPXE))
  t.same(await through(other), other, 'other ports pass unchanged')
  await through(framed(frame(TFTP, [])))
  t.same(await through(telling), telling, 'after TFTP the fetched program speaks: unchanged')
  rom.reset()
  t.same(optionsOf(await through(telling)), hidden, 'after a reset the ROM speaks again')
})
