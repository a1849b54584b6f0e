import t from 'tap'
import { DEADLINES, deadlineOf, isOverdue } from '../../src/core/deadlines.js'
import { PHASES, STAGES } from '../../src/core/instance.js'
import { INSTALLERS } from '../../src/core/profile.js'
import { AT } from '../control/example.js'

const after = (seconds: number) => new Date(AT.getTime() + seconds * 1000)

for (const [name, phase, by, want] of [
  ['an image starts', 'starting', { installer: 'image' }, 300],
  ['an image is written', 'installing', { installer: 'image' }, 1200],
  ["Debian's installer runs", 'installing', { installer: 'preseed' }, 5400],
  ['the settings', 'installing', { installer: 'image', settings: { installing: 60 } }, 60],
  ['the settings of another stage', 'installing', { installer: 'image', settings: { starting: 60 } }, 1200],
  [
    'the profile goes before the settings',
    'installed',
    { installer: 'kickstart', settings: { installed: 60 }, profile: { installed: 7 } },
    7,
  ],
  ['a machine does not come back', 'shutting-down', { installer: 'image' }, 1800],
] as const)
  t.test(name, async t => t.same(deadlineOf(phase, AT, by), after(want)))

t.test('what lasts has no deadline', async t => {
  for (const phase of ['running', 'terminated', 'failed'] as const)
    t.equal(deadlineOf(phase, AT, { installer: 'image', settings: { reserved: 1 } }), undefined)
})

t.test('no stage lasts for ever', async t => {
  for (const installer of INSTALLERS)
    for (const stage of STAGES) t.ok(DEADLINES[installer][stage] >= 60, `${installer} ${stage}`)
  for (const phase of PHASES.slice(0, 4)) t.ok(deadlineOf(phase, AT, { installer: 'image' }), phase)
})

const long = after(-3600)
for (const [name, deadline, started, want] of [
  ['before it', after(1), long, false],
  ['at it', after(0), long, false],
  ['after it', after(-1), long, true],
  ['after it, but the daemon has just started', after(-1), after(-59), false],
  ['a minute after the start', after(-1), after(-60), true],
  ['none', undefined, long, false],
] as const)
  t.test(`overdue: ${name}`, async t => t.equal(isOverdue({ deadline }, AT, started), want))
