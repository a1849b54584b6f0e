import t from 'tap'
import {
  after,
  bootOf,
  INSTANCE_EVENTS,
  type InstanceEvent,
  PHASES,
  type Phase,
  STAGES,
  STATE_OF,
} from '../../src/core/instance.js'
import { AT } from '../control/example.js'

/** Written out by hand, so that a slip in the table is seen. `-` is refused. The order is that of INSTANCE_EVENTS. */
const WANTED: Record<Phase, string> = {
  //                given    started    ended     failed phoned     converged c-failed overdue terminate     freed      retry    converge
  reserved:
    '       starting -          -         -      -          -         -        failed  shutting-down -          -        -',
  starting:
    '       starting installing -         failed -          -         -        failed  shutting-down -          -        -',
  installing:
    '     starting installing installed failed converging -         -        failed  shutting-down -          -        -',
  installed:
    '      -        -          installed -      converging -         -        failed  shutting-down -          -        -',
  converging:
    '     -        -          -         -      converging running   failed   failed  shutting-down -          -        converging',
  running:
    '        -        -          -         -      running    running   -        -       shutting-down -          -        running',
  'shutting-down':
    '-        -          -         -      -          -         -        -       shutting-down terminated -        -',
  terminated:
    '     -        -          -         -      -          -         -        -       -             -          -        -',
  failed:
    '         -        -          -         -      -          -         -        -       shutting-down -          reserved converging',
}

for (const phase of PHASES) {
  const wanted = WANTED[phase].trim().split(/ +/)
  t.test(phase, async t => {
    t.equal(wanted.length, INSTANCE_EVENTS.length)
    for (const [n, event] of INSTANCE_EVENTS.entries()) t.equal(after(phase, event) ?? '-', wanted[n], event)
  })
}

for (const [phase, installedAt, want] of [
  ['reserved', undefined, 'installer'],
  ['starting', undefined, 'installer'],
  ['installing', undefined, 'installer'],
  ['installed', AT, 'disk'],
  ['converging', AT, 'disk'],
  ['running', AT, 'disk'],
  ['running', undefined, 'disk'],
  ['shutting-down', AT, 'scout'],
  ['terminated', AT, 'scout'],
  ['failed', undefined, 'scout'],
  ['failed', AT, 'disk'],
] as const)
  t.test(`${phase}${installedAt ? ' with a written disk' : ''} boots`, async t =>
    t.equal(bootOf({ phase, ...(installedAt && { installedAt }) }), want),
  )

/** Every phase that some sequence of these events leads to, the first one included only when it is come back to. */
function reached(from: readonly Phase[], events: readonly InstanceEvent[]): Phase[] {
  const found = new Set<Phase>()
  const open = [...from]
  for (let phase = open.pop(); phase; phase = open.pop())
    for (const next of events.flatMap(event => after(phase as Phase, event) ?? []))
      if (!found.has(next)) {
        found.add(next)
        open.push(next)
      }
  return PHASES.filter(phase => found.has(phase))
}

const but = (...left: InstanceEvent[]) => INSTANCE_EVENTS.filter(event => !left.includes(event))

for (const [name, from, events, never] of [
  ['nothing is installed that was not handed out', ['reserved'], but('install-given'), ['installing']],
  [
    'nothing is installed without permission',
    ['reserved', 'starting'],
    but('install-started'),
    ['installing'],
  ],
  [
    'an installer that runs is not started again without a hand-out',
    ['installing'],
    but('install-given', 'retry'),
    ['starting'],
  ],
  [
    'what was installed, or failed, or is given back, is not installed again without the owner',
    ['installed', 'converging', 'running', 'failed', 'shutting-down', 'terminated'],
    but('retry'),
    ['reserved', 'starting', 'installing'],
  ],
  [
    'what runs never fails by itself',
    ['running'],
    but('terminate'),
    PHASES.filter(phase => phase !== 'running'),
  ],
  [
    'what is given back never comes back',
    ['shutting-down'],
    INSTANCE_EVENTS,
    PHASES.filter(phase => !['shutting-down', 'terminated'].includes(phase)),
  ],
  ['nothing follows the end', ['terminated'], INSTANCE_EVENTS, PHASES],
  [
    'no machine is freed that the owner did not give back',
    ['reserved'],
    but('terminate'),
    ['shutting-down', 'terminated'],
  ],
] as [string, Phase[], readonly InstanceEvent[], readonly Phase[]][])
  t.test(name, async t => {
    const found = reached(from, events)
    t.same(
      found.filter(phase => never.includes(phase)),
      [],
    )
  })

t.test('the search finds what there is', async t => {
  t.same(reached(['reserved'], INSTANCE_EVENTS), PHASES)
  t.same(reached(['reserved'], ['install-given', 'install-started']), ['starting', 'installing'])
})

t.test('no stage lasts for ever, and each can be given back', async t => {
  for (const stage of STAGES) t.equal(after(stage, 'overdue'), 'failed', stage)
  for (const phase of PHASES.filter(phase => phase !== 'terminated'))
    t.ok(reached([phase], ['terminate', 'freed']).includes('terminated'), phase)
})

t.test('the stages are what is pending', async t =>
  t.same(
    PHASES.filter(phase => STATE_OF[phase] === 'pending'),
    STAGES,
  ),
)
