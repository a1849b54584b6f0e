import t from 'tap'
import { bootQuerySchema } from '../../src/core/bootQuery.js'
import { handover } from '../../src/core/handover.js'

const mac = '52:54:00:12:34:56'

for (const [name, query, want] of [
  ['the MAC alone', { mac: '52-54-00-12-34-56' }, { mac }],
  ['what the machine lacks is absent', { mac, uuid: '', serial: '', cores: '', memsize: '' }, { mac }],
  ['0 cores: SMBIOS before 2.5', { mac, cores: '0' }, { mac }],
  ['iPXE writes uint8 in hex', { mac, cores: '0x4' }, { mac, cores: 4 }],
  ['numbers', { mac, cores: '4', memsize: '16384' }, { mac, cores: 4, memsize: 16384 }],
  ['the board', { mac, 'board-serial': 'B1' }, { mac, boardSerial: 'B1' }],
  ['padded text', { mac, product: '  OptiPlex\t7010 \u0000' }, { mac, product: 'OptiPlex 7010' }],
  ['nothing but padding', { mac, product: ' \u0000 ' }, { mac }],
  ['a UUID that is none', { mac, uuid: '1', product: 'kept' }, { mac, product: 'kept' }],
  ['a serial without end', { mac, serial: 'x'.repeat(257) }, { mac }],
  ['cores that are no number', { mac, cores: 'four' }, { mac }],
  ['said twice', { mac, serial: ['1', '2'] }, { mac }],
  [
    'a UUID in capitals',
    { mac, uuid: 'ABCDEF00-1111-2222-3333-444455556666' },
    { mac, uuid: 'abcdef00-1111-2222-3333-444455556666' },
  ],
] as const)
  t.test(name, async t => t.strictSame(bootQuerySchema.parse(query), want))

for (const [choice, firmware, want] of [
  ['auto', 'bios', 'sanboot'],
  ['auto', 'uefi', 'exit 1'],
  ['auto', undefined, 'exit 1'],
  ['sanboot', 'uefi', 'sanboot'],
  ['exit', 'bios', 'exit'],
  ['exit-1', 'bios', 'exit 1'],
] as const)
  t.test(`local boot ${choice} on ${firmware}`, async t => t.equal(handover(choice, firmware), want))
