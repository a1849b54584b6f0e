import { PassThrough } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { EXIT } from '../../src/commands/command.js'
import { getConsoleOutput } from '../../src/commands/consoleOutput.js'
import { terminateInstances } from '../../src/commands/instanceChanges.js'
import { runInstances } from '../../src/commands/runInstances.js'
import { demo, installing, running } from './instances.js'
import { runAgainst } from './run.js'

const { percent: _, note: __, ...plain } = installing
const reserved = { ...plain, stage: 'reserved' }
const installed = { ...plain, stage: 'installed' }
const done = { ...plain, stage: undefined, state: 'running', address: '192.168.1.32' }
const gone = { ...plain, stage: undefined, state: 'terminated' }
const lost = { ...plain, stage: undefined, state: 'failed', reason: 'no sign of it within 5 min' }

const RESERVED = { ...demo, instances: [reserved] }
const away = [0, ''] as const
const turns = (...views: object[]) => ({
  inTurn: views.map(view => (view === away ? away : ([200, view] as const))),
})

/** `run-instances --wait` of one machine that goes through these views. */
const watch = (views: object[], options: object = {}, world: object = {}) =>
  runAgainst(
    { 'POST /instances': [200, RESERVED], [`GET /instances/${installing.id}`]: turns(...views) },
    runInstances,
    {},
    { wait: true, output: 'text', ...options },
    world,
  )

t.test('tells each change once, and the end', async t => {
  const { exit, stdout, stderr } = await watch([reserved, reserved, installing, installing, installed, done])
  t.equal(exit, EXIT.ok)
  t.same(stderr.trimEnd().split('\n'), [
    'r-000000000001: web-2 (i-000000000002)',
    'web-2  i-000000000002  pending: reserved',
    'web-2  i-000000000002  pending: installing 42 %  writing the image',
    'web-2  i-000000000002  pending: installed',
    'web-2  i-000000000002  running',
  ])
  t.match(stdout, /^RESERVATION\t.*\nINSTANCE\t.*\t192.168.1.32\tweb-2\trunning\t/)
})

t.test('ends when one failed, with the reason', async t =>
  t.match(await watch([reserved, lost]), {
    exit: EXIT.failed,
    stdout: /\tfailed\t/,
    stderr: /muster: web-2 \(i-000000000002\) is failed: no sign of it within 5 min\n$/,
  }),
)

t.test('goes on over a restart of the daemon, and tells of it once', async t => {
  const { exit, stderr } = await watch([reserved, away, away, away, done])
  t.equal(exit, EXIT.ok)
  t.equal(stderr.match(/does not answer.*trying again/g)?.length, 1)
})

t.test('ends at the time-out, and says that it goes on', async t =>
  t.match(await watch([installing], { timeout: 30 }), {
    exit: EXIT.failed,
    stderr: /after 30 s web-2 is pending: installing 42 %; it goes on/,
  }),
)

t.test('the time since the launch is that of the end', async t => {
  const launched = { ...installing, launched: '2026-01-02T12:00:00.000Z' }
  t.match(await watch([launched], { timeout: 40, output: 'table' }), { stdout: / 40 s ago / })
})

t.test('a daemon that stays away', async t =>
  t.match(await watch([away], { timeout: 30 }), { exit: EXIT.unreachable, stderr: /does not answer/ }),
)

t.test('terminate --wait is done when the system is free', async t => {
  const answers = {
    'GET /instances': [200, [demo]],
    'POST /instances/terminate': [200, [{ ...running, state: 'shutting-down' }]],
    [`GET /instances/${running.id}`]: turns(
      { ...running, state: 'shutting-down' },
      { ...gone, id: running.id },
    ),
  } as const
  const ran = await runAgainst(
    answers,
    terminateInstances,
    { instances: ['web-1'] },
    { wait: true, output: 'text' },
  )
  t.match(ran, { exit: EXIT.ok, stdout: /^INSTANCE\ti-000000000001\trunning\tterminated\t/ })
})

t.test('a terminal gets one bar per machine', async t => {
  const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 120, rows: 24 })
  const pause = () => wait(120) // ms: it draws ten times a second at most
  const { exit } = await watch([reserved, installing, done], {}, { terminal, pause })
  t.equal(exit, EXIT.ok)
  const shown = String(terminal.read())
  t.match(shown, /web-2 {2}=+-* 42 % {2}installing writing the image/)
  t.match(shown, /web-2 {2}=+ 100 % {2}running/)
})

t.test('a log is followed to the end of the install, and nothing of it fetched twice', async t => {
  const console = (after: number) => `GET /instances/web-2/console?after=${after}`
  const answers = {
    'GET /instances/web-2': turns(installing, installing, away, installed, done),
    [console(0)]: [200, { output: 'one\ntw', next: 7 }],
    [console(7)]: {
      inTurn: [
        [200, { output: '', next: 7 }],
        [200, { output: 'o\nthree\nfo', next: 9 }],
      ],
    },
    [console(9)]: [200, { output: 'ur', next: 10 }],
  } as const
  const ran = await runAgainst(answers, getConsoleOutput, { instance: ['web-2'] }, { follow: true })
  t.match(ran, { exit: EXIT.ok, stdout: 'one\ntwo\nthree\nfour\n' })
})
