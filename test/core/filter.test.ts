import t from 'tap'
import {
  type Filter,
  INSTANCE_FIELDS,
  instanceFields,
  matches,
  parseFilters,
  SYSTEM_FIELDS,
  systemFields,
} from '../../src/core/filter.js'
import type { Instance, InstanceId, ReservationId } from '../../src/core/instance.js'
import type { Machine, MachineId } from '../../src/core/machine.js'
import { isRefusal } from '../../src/core/refusal.js'
import { AT, granted, M1, M2 } from '../control/example.js'
import { chance } from '../fuzz/random.js'

const laptop: Machine = {
  id: 'm-00000000000a' as MachineId,
  name: 'node-a',
  group: 'pool',
  state: 'discovered',
  localBoot: 'auto',
  macs: [M1, M2],
  firmware: 'uefi',
  arch: 'x86_64',
  vendor: 'LENOVO',
  product: 'ThinkPad X230',
  cores: 4,
  memory: 8 * 2 ** 30,
  disks: [
    { name: 'sda', size: 128_035_676_160 },
    { name: 'sdb', size: 500_107_862_016 },
  ],
  firstSeen: AT,
  lastSeen: AT,
}
const laptopFields = systemFields(laptop, { user: 'kyo', tags: { rack: '2', 'b=c': '1' } })

for (const [filter, want] of [
  ['cores>=4', true],
  ['cores>4', false],
  ['cores=4', true],
  ['cores<=3', false],
  ['cores!=4', false],
  [' cores >= 4 ', true],
  ['memory>=8G', true],
  ['memory>=8GiB', true],
  ['memory>8G', false],
  ['memory<8.1G', true],
  ['disk>=500G', true],
  ['disk>=500GiB', false],
  ['disk>=1T', false],
  ['vendor=lenovo', true],
  ['vendor=leno', false],
  ['vendor~leno', true],
  ['vendor!=Dell', true],
  ['product~thinkpad', true],
  ['product~', true],
  ['name=node-a', true],
  ['name=node', false],
  ['mac=52:54:00:00:00:02', true],
  ['mac!=52:54:00:00:00:02', false],
  ['group=pool', true],
  ['state=discovered', true],
  ['firmware=uefi', true],
  ['user=kyo', true],
  ['serial=x', false],
  ['serial~', false],
  ['serial!=x', true],
  ['tag:rack=2', true],
  ['tag:rack>=2', 'tag:rack cannot be compared by >=; possible: = != ~'],
  ['tag:shelf=2', false],
  ['tag:shelf!=2', true],
  ['tag:constructor~a', false],
  ['name=', false],
  ['cores', 'say FIELD, one of != >= <= = > < ~, and VALUE, as in cores>=4'],
  ['', 'say FIELD'],
  ['tag:rack', 'say FIELD'],
  ['cores!4', 'say FIELD'],
  ['=4', 'there is no field ""; possible: name, id, group'],
  ['corse>=4', 'there is no field "corse" (did you mean cores?); possible: name, id, group, state'],
  ['tag:=2', 'there is no field "tag:"'],
  ['constructor=1', 'there is no field "constructor"'],
  ['name>a', 'name cannot be compared by >; possible: = != ~'],
  ['cores~4', 'cores cannot be compared by ~; possible: = != >= <= > <'],
  ['cores>=four', 'cores takes a whole number such as 4'],
  ['cores>=-1', 'cores takes a whole number'],
  ['memory>=lots', 'memory takes a size such as 8G'],
  ['disk=>8G', 'disk takes a size such as 200G'],
] as const)
  t.test(`filter "${filter}"`, async t => {
    const filters = parseFilters([filter], SYSTEM_FIELDS)
    if (typeof want !== 'string') return t.equal(matches(granted(filters) as Filter[], laptopFields), want)
    t.match(filters, { refused: 'invalid', why: want })
    t.match(filters, { why: `filter "${filter}"` }, 'names the filter')
  })

t.test('all must hold', async t => {
  const both = (...texts: string[]) =>
    matches(granted(parseFilters(texts, SYSTEM_FIELDS)) as Filter[], laptopFields)
  t.equal(both(), true)
  t.equal(both('cores>=2', 'vendor~len'), true)
  t.equal(both('cores>=2', 'vendor~dell'), false)
})

const instance: Instance = {
  id: 'i-0123456789ab' as InstanceId,
  reservation: 'r-0123456789ab' as ReservationId,
  machine: laptop.id,
  name: 'web-1',
  user: 'kyo',
  profile: 'debian-12-image',
  phase: 'starting',
  since: AT,
  launched: AT,
  attempts: 1,
  disk: '/dev/sda',
  wipe: 'none',
  powerOff: false,
  tags: { role: 'web' },
}

for (const [filter, phase, want] of [
  ['state=pending', 'starting', true],
  ['stage=starting', 'starting', true],
  ['stage=running', 'running', false],
  ['state=running', 'running', true],
  ['system=node-a', 'running', true],
  ['group=pool', 'running', true],
  ['tag:role=web', 'running', true],
  ['profile~image', 'failed', true],
] as const)
  t.test(`instances: ${filter} while ${phase}`, async t => {
    const filters = granted(parseFilters([filter], INSTANCE_FIELDS)) as Filter[]
    t.equal(matches(filters, instanceFields({ ...instance, phase }, laptop)), want)
  })

t.test('the fields that can be asked for are those that there are', async t => {
  const known = (fields: object) => Object.keys(fields).filter(key => !key.startsWith('tag:'))
  t.same(known(laptopFields).sort(), Object.keys(SYSTEM_FIELDS).sort())
  t.same(known(instanceFields(instance, laptop)).sort(), Object.keys(INSTANCE_FIELDS).sort())
})

t.test('random text never throws, and a filter and its opposite never agree', async t => {
  const seed = Number(process.env.SEED ?? 3)
  const random = chance(seed)
  const words = [
    'cores',
    'name',
    'tag:a',
    'tag:',
    'memory',
    '=',
    '!=',
    '>=',
    '<',
    '~',
    '8G',
    '4',
    ' ',
    '\n',
    'é',
    '',
  ]
  for (let n = 0; n < 5000; n++) {
    const text = Array.from({ length: random.below(5) }, () => random.pick(words)).join('')
    const filters = parseFilters([text], SYSTEM_FIELDS)
    if (isRefusal(filters)) continue
    const [{ operator, ...rest }] = filters as [Filter]
    const opposite = ({ '=': '!=', '!=': '=', '>=': '<', '<': '>=' } as const)[operator as '=']
    if (!opposite) continue
    const [a, b] = [filters, [{ ...rest, operator: opposite }]].map(f => matches(f, laptopFields))
    if (a === b) t.fail(`seed ${seed}: ${JSON.stringify(text)} and its opposite are both ${a}`)
  }
})
