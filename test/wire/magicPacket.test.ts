import t from 'tap'
import type { Mac } from '../../src/wire/mac.js'
import { magicPacket } from '../../src/wire/magicPacket.js'

t.test('six bytes of ones, and the address sixteen times', async t => {
  const packet = magicPacket('52:54:00:12:ab:f0' as Mac).toString('hex')
  t.equal(packet, `ffffffffffff${'52540012abf0'.repeat(16)}`)
})
