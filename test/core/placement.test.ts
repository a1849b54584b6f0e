import t from 'tap'
import { type Filter, parseFilters, SYSTEM_FIELDS, systemFields } from '../../src/core/filter.js'
import { PHASES } from '../../src/core/instance.js'
import { MACHINE_STATES, type Machine, type MachineId } from '../../src/core/machine.js'
import { type Candidate, type PlacementRequest, place } from '../../src/core/placement.js'
import { type Preference, parsePreference, SMALLEST } from '../../src/core/preference.js'
import { isRefusal } from '../../src/core/refusal.js'
import { AT, granted, mac } from '../control/example.js'
import { chance } from '../fuzz/random.js'

const GIB = 2 ** 30

type More = Partial<Omit<Candidate, 'machine' | 'fields'> & Pick<Machine, 'group' | 'state'>> & {
  size?: readonly [cores: number, memory: number /* GiB */, disk: number /* GB */]
}

function node(n: number, more: More = {}): Candidate {
  const { group = 'pool', state = 'discovered', size: [cores, memory, disk] = [2, 4, 100], ...rest } = more
  const hex = n.toString(16).padStart(2, '0')
  const machine: Machine = {
    id: `m-0000000000${hex}` as MachineId,
    name: `node-${n}`,
    group,
    state,
    localBoot: 'auto',
    macs: [mac(`52:54:00:00:00:${hex}`)],
    cores,
    memory: memory * GIB,
    disks: [{ name: 'sda', size: disk * 1e9 }],
    firstSeen: AT,
    lastSeen: AT,
  }
  return { machine, fields: systemFields(machine, {}), present: true, ...rest }
}

const request = (more: Partial<PlacementRequest> = {}): PlacementRequest => ({
  user: 'kyo',
  for: 'run',
  filters: [],
  prefer: SMALLEST,
  ...more,
})
const filters = (...texts: string[]) => granted(parseFilters(texts, SYSTEM_FIELDS)) as Filter[]
const prefer = (text: string) => granted(parsePreference(text)) as Preference
const names = (chosen: ReturnType<typeof place>) =>
  isRefusal(chosen) ? chosen.why : chosen.map(({ machine }) => machine.name).join(' ')

const small = node(1, { size: [2, 4, 100] })
const manyCores = node(2, { size: [16, 8, 100] })
const muchMemory = node(3, { size: [4, 64, 100] })
const bigDisk = node(4, { size: [2, 4, 4000] })
const room = [bigDisk, muchMemory, manyCores, small]

for (const [name, machines, asked, want] of [
  ['the smallest', room, {}, 'node-1'],
  ['all, smallest first', room, { count: 4 }, 'node-1 node-4 node-3 node-2'],
  ['the largest', room, { prefer: prefer('largest') }, 'node-2'],
  ['most memory', room, { prefer: prefer('memory') }, 'node-3'],
  ['least memory, then the largest disk', room, { prefer: prefer('-memory, disk') }, 'node-4'],
  ['the smallest that fits', room, { filters: filters('cores>=4') }, 'node-3'],
  ['equal ones by name', [node(9), node(7), node(8)], { count: 2 }, 'node-7 node-8'],
  ['those in the scout first', [node(1, { present: false }), manyCores], {}, 'node-2'],
  ['those that are off too', [node(1, { present: false }), manyCores], { count: 2 }, 'node-2 node-1'],
  [
    "the user's reserved ones first",
    [small, node(5, { size: [64, 512, 9000], hold: { user: 'kyo' }, present: false })],
    {},
    'node-5',
  ],
  ['only of the group', [small, node(5, { group: 'lab' })], { group: 'lab' }, 'node-5'],
  ['named by name', room, { systems: ['node-4'] }, 'node-4'],
  ['named by id', room, { systems: ['m-000000000003'] }, 'node-3'],
  ['named by MAC', room, { systems: ['52:54:00:00:00:02'] }, 'node-2'],
  ['named, in that order', room, { systems: ['node-4', 'node-1'] }, 'node-4 node-1'],
  ['one named twice is one', room, { systems: ['node-4', '52:54:00:00:00:04'] }, 'node-4'],
  ['named and counted', room, { systems: ['node-4'], count: 1 }, 'node-4'],
] as [string, Candidate[], Partial<PlacementRequest>, string][])
  t.test(name, async t => {
    t.equal(names(place(machines, request(asked))), want)
    t.equal(names(place(machines.toReversed(), request(asked))), want, 'in whatever order they are listed')
  })

const reserved = (user: string) => node(9, { hold: { user } })

for (const [name, machines, asked, refused, why] of [
  [
    'protected',
    [node(1), node(2), node(3, { state: 'protected' })],
    { count: 3 },
    'conflict',
    'not enough resources: asked 3, free 2 (1 protected)',
  ],
  ['too few', [node(1)], { count: 2 }, 'conflict', 'not enough resources: asked 2, free 1'],
  ['no machine at all', [], {}, 'conflict', 'not enough resources: asked 1, free 0'],
  [
    'one of each',
    [
      node(1, { state: 'protected', instance: 'running' }),
      node(2, { instance: 'failed' }),
      node(3, { instance: 'shutting-down', hold: { user: 'bob' } }),
      node(4, { instance: 'running', hold: { user: 'kyo' } }),
      node(5, { instance: 'reserved', state: 'local' }),
      node(6, { hold: { user: 'bob' } }),
      node(7, { state: 'local' }),
      node(8, { state: 'seen' }),
      node(9, { unsuitable: 'no suitable disk: sda is removable' }),
      node(10, { size: [1, 1, 1] }),
      node(11, { group: 'lab' }),
    ],
    { group: 'pool', filters: filters('cores>=2') },
    'conflict',
    'not enough resources: asked 1, free 0 (1 not matching the filter, 1 protected, 1 with a failed instance, ' +
      '1 shutting down, 2 in use, 1 reserved by others, 1 with netboot disabled, 1 not discovered yet, ' +
      '1 unsuitable: node-9: no suitable disk: sda is removable)',
  ],
  [
    'reserved again',
    [reserved('kyo')],
    { for: 'reserve' },
    'conflict',
    'not enough resources: asked 1, free 0 (1 reserved already)',
  ],
  [
    'no such group',
    [node(1), node(2, { group: 'lab' })],
    { group: 'pol' },
    'not-found',
    /pol; groups: lab, pool$/,
  ],
  ['no group at all', [], { group: 'pol' }, 'not-found', 'no machine is known yet'],
  ['no such system', [node(1)], { systems: ['node-1', 'nobody'] }, 'not-found', 'there is no system nobody'],
  [
    'named, all with their faults',
    [node(1), node(2, { state: 'protected' }), reserved('bob'), node(4, { instance: 'running' })],
    { systems: ['node-2', 'node-1', 'node-9', 'node-4', 'node-4'] },
    'conflict',
    'not available: node-2 is protected: unprotect-system first; node-9 is reserved by somebody else; ' +
      'node-4 is in use: terminate-instances frees it',
  ],
  [
    'named, without a disk',
    [node(1, { unsuitable: 'no suitable disk: sda is removable' })],
    { systems: ['node-1'] },
    'conflict',
    'not available: node-1 cannot carry it: no suitable disk: sda is removable',
  ],
  [
    'named, of another group',
    [node(1), node(2, { group: 'lab' })],
    { systems: ['node-1'], group: 'lab' },
    'conflict',
    'not available: node-1 is in group pool, not in lab',
  ],
  [
    'another count than named',
    [node(1), node(2)],
    { systems: ['node-1'], count: 2 },
    'invalid',
    'asked 2, named 1',
  ],
  ['none named', [node(1)], { systems: [] }, 'invalid', 'ask for 1 to'],
  ['none', [node(1)], { count: 0 }, 'invalid', 'ask for 1 to'],
  ['half', [node(1)], { count: 0.5 }, 'invalid', 'ask for 1 to'],
  ['too many', [node(1)], { count: 1e9 }, 'invalid', 'ask for 1 to'],
] as [string, Candidate[], Partial<PlacementRequest>, string, string | RegExp][])
  t.test(`refused: ${name}`, async t => {
    const chosen = place(machines, request(asked))
    t.match(chosen, { refused })
    if (typeof why === 'string' && refused === 'conflict') t.equal(names(chosen), why)
    else t.match(names(chosen), why)
  })

for (const [text, want] of [
  [undefined, '-cores,-memory,-disk'],
  ['smallest', '-cores,-memory,-disk'],
  ['largest', 'cores,memory,disk'],
  ['memory', 'memory'],
  [' -memory , cores', '-memory,cores'],
  ['largest,memory', 'cores,memory,disk,memory'],
] as const)
  t.test(`prefer ${text}`, async t => {
    const shown = (granted(parsePreference(text)) as Preference).map(
      ({ size, most }) => `${most ? '' : '-'}${size}`,
    )
    t.equal(shown.join(), want)
  })

for (const text of ['', 'speed', 'cores,', '--cores', '-largest', 'constructor', 'Cores'])
  t.test(`cannot prefer "${text}"`, async t =>
    t.match(parsePreference(text), {
      refused: 'invalid',
      why: /possible: smallest, largest, cores, memory, disk/,
    }),
  )

const SEED = Number(process.env.SEED ?? 1)
const random = chance(SEED)
const pickUser = () => random.pick(['kyo', 'bob'])
const pickNode = (_: unknown, n: number) =>
  node(n, {
    group: random.pick(['pool', 'lab']),
    state: random.pick(['discovered', 'discovered', ...MACHINE_STATES]),
    size: [random.pick([1, 2, 4]), random.pick([1, 4]), random.pick([10, 100])],
    hold: random.below(3) === 0 ? { user: pickUser() } : undefined,
    instance: random.below(4) === 0 ? random.pick(PHASES) : undefined,
    present: random.below(2) === 0,
    unsuitable: random.below(6) === 0 ? 'no suitable disk' : undefined,
  })
const shuffled = <T>(values: readonly T[]): T[] =>
  values
    .map(value => [random.below(2 ** 30), value] as const)
    .sort(([a], [b]) => a - b)
    .map(([, value]) => value)

t.test('whatever is asked: nothing protected, nothing of others, the same in any order', async t => {
  for (let run = 0; run < 2000; run++) {
    const machines = Array.from({ length: random.below(12) }, pickNode)
    const asked = request({
      user: pickUser(),
      for: random.pick(['run', 'reserve']),
      count: random.below(5),
      group: random.pick([undefined, 'pool']),
      filters: random.below(2) === 0 ? filters('cores>=2') : [],
      prefer: random.pick([SMALLEST, prefer('largest'), prefer('-memory')]),
    })
    const chosen = place(machines, asked)
    const at = `seed ${SEED}, run ${run}`
    if (names(place(shuffled(machines), asked)) !== names(chosen)) t.fail(`${at}: order matters`)
    if (isRefusal(chosen)) continue
    if (chosen.length !== asked.count || new Set(chosen).size !== asked.count) t.fail(`${at}: not as many`)
    for (const { machine, hold, instance, unsuitable } of chosen) {
      const free =
        machine.state === 'discovered' && (instance ?? 'terminated') === 'terminated' && !unsuitable
      const ours = hold === undefined || (hold.user === asked.user && asked.for === 'run')
      if (!free || !ours) t.fail(`${at}: ${machine.name} was taken`)
    }
  }
})

t.test('what is counted adds up to the machines of the group', async t => {
  for (let run = 0; run < 500; run++) {
    const machines = Array.from({ length: random.below(12) + 1 }, pickNode)
    const why = names(place(machines, request({ count: 999 })))
    const counted = [...why.replace(/asked 999|node-\d+/g, '').matchAll(/\d+/g)].reduce(
      (sum, [n]) => sum + Number(n),
      0,
    )
    if (counted !== machines.length) t.fail(`seed ${SEED}, run ${run}: ${machines.length} machines, ${why}`)
  }
})

t.test('two users who are served in turn never share a machine', async t => {
  for (let run = 0; run < 500; run++) {
    let machines = Array.from({ length: 8 }, pickNode)
    const owner = new Map<MachineId, string>()
    for (let turn = 0; turn < 6; turn++) {
      const user = pickUser()
      const chosen = place(machines, request({ user, count: 1 + random.below(3) }))
      if (isRefusal(chosen)) continue
      for (const { machine } of chosen) {
        if (owner.has(machine.id)) t.fail(`seed ${SEED}, run ${run}: ${machine.name} given twice`)
        owner.set(machine.id, user)
      }
      machines = machines.map(one =>
        chosen.includes(one) ? { ...one, hold: { user }, instance: 'reserved' } : one,
      )
    }
  }
})
