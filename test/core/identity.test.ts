import t from 'tap'
import { type Identity, isSame, keysOf, SAME, score, serialKey, uuidKey } from '../../src/core/identity.js'
import type { Mac } from '../../src/wire/mac.js'

const M1 = '52:54:00:00:00:01' as Mac
const M2 = '52:54:00:00:00:02' as Mac
const M3 = '52:54:00:00:00:03' as Mac
const DONGLE = '00:e0:4c:53:44:58' as Mac
const U1 = '01020304-0506-0708-090a-0b0c0d0e0f10'
const U1_SWAPPED = '04030201-0605-0807-090a-0b0c0d0e0f10'
const U2 = '61020304-0506-0708-090a-0b0c0d0e0f10'
const AMI = '03000200-0400-0500-0006-000700080009'
const AMI_SWAPPED = '00020003-0004-0005-0006-000700080009'

const who = (
  macs: Mac[],
  uuid?: string,
  serial?: string,
  boardSerial?: string,
  chassis?: string,
): Identity => ({
  macs,
  ...(uuid ? { uuid } : {}),
  ...(serial ? { serial } : {}),
  ...(boardSerial ? { boardSerial } : {}),
  ...(chassis ? { chassisSerial: chassis } : {}),
})

for (const [name, a, b, want] of [
  ['nothing known of either', who([]), who([]), false],
  ['a MAC alone', who([M1, M2]), who([M2]), true],
  ['another MAC', who([M1]), who([M2]), false],
  ['a UUID alone', who([M1], U1), who([M2], U1), false],
  ['a system serial alone', who([M1], undefined, 'S-1001'), who([M2], undefined, 'S-1001'), false],
  ['two machines with AMI’s UUID', who([M1], AMI), who([M2], AMI_SWAPPED), false],
  [
    'the same with fillers',
    who([M1], AMI, 'None', 'Default string'),
    who([M2], AMI, 'None', 'Default string'),
    false,
  ],
  ['a new NIC, UUID and system serial', who([M1], U1, 'S-1001'), who([M2], U1, 'S-1001'), true],
  [
    'a new NIC, UUID and board serial',
    who([M1], U1, undefined, 'B-1001'),
    who([M2], U1, undefined, 'B-1001'),
    true,
  ],
  [
    'a new NIC, both serials',
    who([M1], undefined, 'S-1001', 'B-1001'),
    who([M2], undefined, 'S-1001', 'B-1001'),
    true,
  ],
  ['the UUID in the other byte order', who([M1], U1, 'S-1001'), who([M2], U1_SWAPPED, 'S-1001'), true],
  ['swapped main board', who([M1, M2], U1, 'S-1001', 'B-1'), who([M3, M2], U2, 'S-1001', 'B-2002'), true],
  [
    'swapped main board, no NIC kept',
    who([M1], U1, 'S-1001', 'B-1001'),
    who([M3], U2, 'S-1001', 'B-2002'),
    false,
  ],
  ['swapped main board, no serial kept', who([M1, M2], U1), who([M3, M2], U2), false],
  [
    'C6100: one chassis, four boards',
    who([M1], U1, 'CH-77', 'B-1001', 'CH-77'),
    who([M2], U1, 'CH-77', 'B-2002', 'CH-77'),
    false,
  ],
  ['Supermicro: UUID changed, serial kept', who([M1, M2], U1, 'S-1001'), who([M2], U2, 'S-1001'), true],
  [
    'Supermicro: UUID changed, board serial kept',
    who([M1, M2], U1, 'None', 'B-1001'),
    who([M2], U2, 'None', 'B-1001'),
    true,
  ],
  ['UUID changed, both NICs kept', who([M1, M2], U1), who([M2, M1], U2), true],
  ['UUID changed, one NIC kept, nothing else: a moved card?', who([M1, M2], U1), who([M2], U2), false],
  ['a moved card', who([M1, M2], U1, 'S-1001', 'B-1001'), who([M2, M3], U2, 'S-2002', 'B-2002'), false],
  ['serial written later', who([M1], U1, 'System Serial Number'), who([M1], U1, 'S-1001'), true],
  ['serial changed', who([M1], U1, 'S-1001'), who([M1], U1, 'S-2002'), true],
  ['a shared USB adapter', who([DONGLE], U1), who([DONGLE], U2), false],
  ['a shared USB adapter against nothing', who([DONGLE], U1), who([DONGLE]), false],
  ['a shared USB adapter and nothing else at all', who([DONGLE], AMI), who([DONGLE]), true],
  ['a shared USB adapter with the UUID', who([DONGLE], U1), who([DONGLE], U1), true],
  [
    'broadcast and zero are no NIC',
    who(['ff:ff:ff:ff:ff:ff' as Mac]),
    who(['ff:ff:ff:ff:ff:ff' as Mac]),
    false,
  ],
] as const)
  t.test(name, async t => {
    t.equal(isSame(a, b), want, `score ${score(a, b).score} of ${SAME}`)
    t.equal(isSame(b, a), want, 'the other way round')
  })

for (const [name, uuid, want] of [
  ['one form', U1, U1],
  ['swapped', U1_SWAPPED, U1],
  ['upper case, braces', `{${U1.toUpperCase()}}`, U1],
  ['AMI', AMI, undefined],
  ['AMI swapped', AMI_SWAPPED, undefined],
  ['zero', '00000000-0000-0000-0000-000000000000', undefined],
  ['FF', 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF', undefined],
  ['one byte repeated', 'fefefefe-fefe-fefe-fefe-fefefefefefe', undefined],
  ['too short', '01020304', undefined],
  ['empty', '', undefined],
] as const)
  t.test(`UUID ${name}`, async t => t.equal(uuidKey(uuid), want?.replaceAll('-', '')))

for (const [serial, want] of [
  ['To Be Filled By O.E.M.', undefined],
  ['to be  filled by o.e.m.', undefined],
  ['Default string', undefined],
  ['System Serial Number', undefined],
  ['Base Board Serial Number', undefined],
  ['Serial Number', undefined],
  ['Not Specified', undefined],
  ['None', undefined],
  ['N/A', undefined],
  ['0123456789', undefined],
  ['123456789', undefined],
  ['0000000000', undefined],
  ['..............', undefined],
  ['', undefined],
  ['   ', undefined],
  ['7', undefined],
  [undefined, undefined],
  [' abc 1234 ', 'ABC 1234'],
  ['.7ABCD12.CN7016334500AB.', '.7ABCD12.CN7016334500AB.'],
  ['MXL\u0000\u001b12345', 'MXL 12345'],
] as const)
  t.test(`serial ${JSON.stringify(serial)}`, async t => t.equal(serialKey(serial), want))

t.test('keys are looked up in one form, MACs in order', async t =>
  t.same(keysOf(who([M2, M1, M2], U1_SWAPPED, 's-1001', 'None', 'CH-77')), [
    `mac:${M2}`,
    `mac:${M1}`,
    `uuid:${U1.replaceAll('-', '')}`,
    'system:S-1001',
  ]),
)
