import t from 'tap'
import { EXIT } from '../../src/commands/command.js'
import { describeInstance } from '../../src/commands/describeInstance.js'
import { describeInstances } from '../../src/commands/describeInstances.js'
import { convergeInstances } from '../../src/commands/instanceChanges.js'
import { plan } from '../../src/commands/plan.js'
import { describePools, setPool } from '../../src/commands/pools.js'
import { runInstances } from '../../src/commands/runInstances.js'
import { golden } from '../golden.js'
import { error } from './fakeApi.js'
import { demo, installing, running } from './instances.js'
import { runAgainst } from './run.js'

const { percent: _, note: __, ...plain } = installing
const asked = '2026-01-02T12:00:00.000Z'
const later = '2026-01-02T12:00:04.000Z'
const master = { ...running, role: 'master' }
const worker = {
  ...plain,
  ...{ stage: 'converging', note: 'podman/packages: podman is missing', role: 'worker', convergeAt: later },
}
const impaired = { ...master, reason: 'cannot be reached: no route to host' }

const steps = [
  {
    ...{ step: 'base/packages', reason: 'chrony is missing', state: 'done', tries: 1 },
    ...{ started: '2026-01-02T11:58:30.000Z', ended: '2026-01-02T11:58:42.300Z' },
    output: 'Unpacking chrony\t(4.3-2) ...\nSetting up chrony\n',
  },
  {
    ...{
      step: 'podman/image',
      reason: 'the image of the health check is missing',
      state: 'failed',
      tries: 2,
    },
    ...{ started: '2026-01-02T11:59:30.000Z', ended: '2026-01-02T11:59:31.000Z' },
    output: 'no space left on device',
  },
  {
    ...{
      step: 'podman/image',
      reason: 'the image of the health check is missing',
      state: 'running',
      tries: 3,
    },
    ...{ started: '2026-01-02T11:59:50.000Z', output: '' },
  },
]
const due = [
  { id: 'base/hosts', reason: '/etc/hosts differs' },
  { id: 'podman/packages', reason: 'podman is missing' },
]
const pool = {
  ...{ name: 'pool', minNodes: 3, master: master.id },
  nodes: [
    {
      ...{ id: master.id, name: 'web-1', state: 'running', role: 'master', address: '192.168.1.31' },
      impaired: impaired.reason,
    },
    { id: worker.id, name: 'web-2', state: 'pending', stage: 'converging', role: 'worker' },
  ],
}
const coming = { name: 'rack', minNodes: 3, waiting: 'waiting for nodes (0/3)', nodes: [] }

const answers = {
  'GET /instances': [200, [demo]],
  'GET /instances/web-1/steps': [200, steps],
  'GET /instances/web-2/steps': [200, []],
  'GET /instances/web-1/plan': [200, { instance: running.id, steps: due, waiting: "the master's key" }],
  'GET /instances/web-2/plan': [200, { instance: worker.id, steps: [] }],
  'GET /instances/db-1/plan': [200, { instance: 'i-3', steps: [], problem: 'cannot be reached' }],
  'POST /instances/converge': [200, [{ ...master, convergeAt: asked }]],
  'GET /pools': [200, [pool, coming]],
  'PATCH /pools/rack': [200, coming],
} as const
const nodes = { 'GET /instances': [200, [{ ...demo, instances: [impaired, worker] }]] } as const

for (const [name, what, operands, options, stderr, from] of [
  ['describe-instance-steps', describeInstance, { instance: ['web-1'] }, { steps: true }, ''],
  ['describe-instances-nodes', describeInstances, {}, { all: true }, '', nodes],
  ['plan', plan, { instance: ['web-1'] }, {}, /^(Then it waits: the master's key\.\n)?$/],
  ['describe-pools', describePools, {}, {}, ''],
  ['set-pool', setPool, { pool: ['rack'] }, { 'min-nodes': 3 }, ''],
  ['converge', convergeInstances, { instances: ['web-1'] }, {}, ''],
] as const)
  for (const output of ['table', 'text'] as const)
    t.test(`${name} as ${output}`, async t => {
      const ran = await runAgainst(from ?? answers, what, operands, { ...options, output })
      t.match(ran, { exit: EXIT.ok, stderr })
      golden(t, `test/golden/commands/${name}${output === 'table' ? '' : '-text'}.txt`, ran.stdout)
    })

for (const [name, what, operands, options, want] of [
  ['steps', describeInstance, { instance: ['web-1'] }, { steps: true }, steps],
  ['a plan', plan, { instance: ['web-1'] }, {}, answers['GET /instances/web-1/plan'][1]],
  ['pools', describePools, {}, {}, [pool, coming]],
  ['one pool', describePools, { pools: ['rack'] }, {}, [coming]],
] as const)
  t.test(`${name} as json: what the API tells`, async t => {
    const ran = await runAgainst(answers, what, operands, { ...options, output: 'json' })
    t.same(JSON.parse(ran.stdout), want)
  })

for (const [name, what, operands, options, method, path, body] of [
  ['some', convergeInstances, { instances: ['a'] }, {}, 'POST', '/instances/converge', { instances: ['a'] }],
  ["a user's", convergeInstances, {}, { user: 'demo' }, 'POST', '/instances/converge', { user: 'demo' }],
  ['all', convergeInstances, {}, {}, 'POST', '/instances/converge', {}],
  ['a pool', setPool, { pool: ['rack'] }, { 'min-nodes': 3 }, 'PATCH', '/pools/rack', { minNodes: 3 }],
  ['run', runInstances, {}, { 'min-nodes': 3 }, 'POST', '/instances', { user: 'kyo', minNodes: 3 }],
] as const)
  t.test(`asks the API: ${name}`, async t => {
    const { seen } = await runAgainst(answers, what, operands, options)
    const request = seen.find(one => one.method === method)
    t.same([request?.path, JSON.parse(request?.body ?? '')], [path, body])
  })

for (const [name, what, operands, from, want] of [
  [
    'nothing is to be done',
    plan,
    { instance: ['web-2'] },
    {},
    { exit: EXIT.ok, stderr: /^Nothing is to be done/ },
  ],
  [
    'there is no plan',
    plan,
    { instance: ['db-1'] },
    {},
    { exit: EXIT.failed, stdout: '', stderr: /no plan for db-1: cannot be reached/ },
  ],
  [
    'it is not up',
    plan,
    { instance: ['x'] },
    { 'GET /instances/x/plan': [409, error('conflict', 'x is installing')] },
    { exit: EXIT.refused, stderr: /x is installing/ },
  ],
  [
    'an unknown pool',
    describePools,
    { pools: ['x'] },
    {},
    { exit: EXIT.notFound, stderr: /there is no pool x/ },
  ],
  ['no pools', describePools, {}, { 'GET /pools': [200, []] }, { exit: EXIT.ok, stdout: /no pools yet/ }],
  [
    'nobody is up',
    convergeInstances,
    {},
    { 'POST /instances/converge': [200, []] },
    { exit: EXIT.notFound, stderr: /there is no node that can be looked at/ },
  ],
  [
    'one is protected',
    convergeInstances,
    {},
    { 'POST /instances/converge': [200, [master, { ...worker, skipped: 'its system elm is protected' }]] },
    {
      exit: EXIT.ok,
      stdout: /^(?!.*web-2).*web-1/s,
      stderr: /^web-2 .* is left alone: its system elm is protected\n$/,
    },
  ],
  [
    'all are protected',
    convergeInstances,
    {},
    { 'POST /instances/converge': [200, [{ ...worker, skipped: 'its system elm is protected' }]] },
    { exit: EXIT.notFound, stdout: '', stderr: /left alone.*\n.*no node that can be/ },
  ],
] as const)
  t.test(name, async t => t.match(await runAgainst({ ...answers, ...from }, what, operands), want))

t.test('no steps yet', async t =>
  t.match(await runAgainst(answers, describeInstance, { instance: ['web-2'] }, { steps: true }), {
    stdout: /^Nothing was done on it/,
  }),
)

const working = { ...master, converging: true, note: 'base/hosts: /etc/hosts differs' }
for (const [name, views, want] of [
  [
    'a node that runs',
    [{ ...master, convergeAt: asked }, working, master],
    { exit: EXIT.ok, stderr: /running: converging {2}base\/hosts: .*\nweb-1 .* {2}running\n$/ },
  ],
  ['one that is looked at again tomorrow', [working, { ...master, convergeAt: later }], { exit: EXIT.ok }],
  [
    'one that was impaired before',
    [{ ...impaired, convergeAt: asked }, { ...working, reason: impaired.reason }, master],
    { exit: EXIT.ok },
  ],
  [
    'one that becomes impaired',
    [working, impaired],
    { exit: EXIT.failed, stderr: /web-1 .* is running: cannot be reached: no route to host\n$/ },
  ],
  [
    'one that had failed',
    [
      { ...worker, id: master.id },
      { ...worker, id: master.id, stage: undefined, state: 'failed', reason: 'no' },
    ],
    { exit: EXIT.failed, stderr: /is failed: no\n$/ },
  ],
] as const)
  t.test(`converge --wait: ${name}`, async t => {
    const inTurn = views.map(view => [200, view] as const)
    const from = { ...answers, [`GET /instances/${master.id}`]: { inTurn } }
    const ran = await runAgainst(from, convergeInstances, { instances: ['web-1'] }, { wait: true })
    t.match(ran, want)
  })
