import { join } from 'node:path'
import t from 'tap'
import { macOf, ownerOf } from '../../src/io/neighbours.js'

const TABLE = `IP address       HW type     Flags       HW address            Mask     Device
192.168.1.50     0x1         0x2         52:54:00:12:34:56     *        eth0
192.168.1.5      0x1         0x6         52:54:00:12:34:57     *        eth0
192.168.1.51     0x1         0x0         00:00:00:00:00:00     *        eth0
`

for (const [name, address, want] of [
  ['known', '192.168.1.50', '52:54:00:12:34:56'],
  ['set by hand', '192.168.1.5', '52:54:00:12:34:57'],
  ['being asked for', '192.168.1.51', undefined],
  ['unknown', '192.168.1.52', undefined],
  ['the heading', 'IP', undefined],
  ['none', '', undefined],
] as const)
  t.test(name, async t => t.equal(ownerOf(address, TABLE), want))

t.test('from the file', async t => {
  const table = join(t.testdir({ arp: TABLE }), 'arp')
  t.equal(await macOf('192.168.1.50', table), '52:54:00:12:34:56')
})

t.test('the kernel has one', async t => t.equal(await macOf('127.0.0.1'), undefined))
