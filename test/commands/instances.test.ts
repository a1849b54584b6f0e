import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { EXIT } from '../../src/commands/command.js'
import { getConsoleOutput } from '../../src/commands/consoleOutput.js'
import { describeInstance } from '../../src/commands/describeInstance.js'
import { describeInstances } from '../../src/commands/describeInstances.js'
import { rebootInstances, retryInstances, terminateInstances } from '../../src/commands/instanceChanges.js'
import { writtenOf } from '../../src/commands/instanceRows.js'
import { describeDistros, describeProfiles } from '../../src/commands/profiles.js'
import { releaseSystems, reserveSystems } from '../../src/commands/reservations.js'
import { runInstances } from '../../src/commands/runInstances.js'
import { describeSystemGroups, describeSystemUser } from '../../src/commands/systemGroups.js'
import { createTags, deleteTags } from '../../src/commands/tags.js'
import type { InstanceView } from '../../src/core/instanceView.js'
import { golden } from '../golden.js'
import { error } from './fakeApi.js'
import { demo, distros, failed, fresh, held, installing, kyo, profiles, running } from './instances.js'
import { described, newcomer, rack } from './machines.js'
import { runAgainst } from './run.js'

const planned = {
  ...demo,
  id: 'r-000000000009',
  instances: [{ ...installing, machine: rack.id, disk: running.disk }],
}
const log = 'early\nwriting the image\nmaking it boot\n'
const down = { ...running, state: 'shutting-down' }

const answers = {
  'GET /systems': [200, [rack, newcomer]],
  [`GET /systems/${rack.id}`]: [200, described],
  'GET /profiles': [200, profiles],
  'GET /distros': [200, distros],
  'GET /instances': [200, [kyo, held, demo]],
  'GET /instances?user=kyo': [200, [kyo, held]],
  'GET /instances?user=demo': [200, [demo]],
  'GET /instances?filter=state%3Drunning&filter=tag%3Arack%3D2': [200, [{ ...demo, instances: [running] }]],
  'GET /instances/web-1': [200, running],
  'GET /instances/web-2': [200, installing],
  'GET /instances/db-1': [200, failed],
  [`GET /instances/${running.id}/console?after=0`]: [200, { output: log, next: 3 }],
  [`GET /instances/${installing.id}/console?after=0`]: [200, { output: '', next: 0 }],
  [`GET /instances/${failed.id}/console?after=0`]: [200, { output: log, next: 3 }],
  'GET /instances/web-1/console?after=0': [200, { output: log, next: 3 }],
  'POST /instances': [200, demo],
  'POST /instances/terminate': [200, [down]],
  'POST /instances/retry': [200, [{ ...failed, state: 'pending', stage: 'reserved', reason: undefined }]],
  'POST /instances/reboot': [200, [running]],
  'POST /reservations': [200, held],
  'POST /reservations/release': [200, [held]],
  'POST /tags': [200, { tagged: 2 }],
  'POST /tags/delete': [200, { untagged: 1 }],
} as const

const dryRun = { ...answers, 'POST /instances': [200, planned] } as const

for (const [name, what, operands, options, from] of [
  ['describe-instances', describeInstances, {}, { all: true }],
  ['describe-instance', describeInstance, { instance: ['web-1'] }, {}],
  ['describe-instance-installing', describeInstance, { instance: ['web-2'] }, {}],
  ['describe-instance-failed', describeInstance, { instance: ['db-1'] }, {}],
  ['describe-profiles', describeProfiles, {}, {}],
  ['describe-distros', describeDistros, {}, {}],
  ['describe-system-groups', describeSystemGroups, {}, {}],
  ['describe-system-groups-freed', describeSystemGroups, {}, { freed: true }],
  ['describe-system-user', describeSystemUser, {}, { user: 'demo' }],
  ['run-instances', runInstances, {}, { user: 'demo', count: 2, profile: 'debian-12-image' }],
  ['run-instances-dry-run', runInstances, {}, { 'dry-run': true, profile: 'debian-12-image' }, dryRun],
  ['terminate-instances', terminateInstances, { instances: ['web-1'] }, {}],
  ['retry-instances', retryInstances, {}, { user: 'kyo' }],
  ['reboot-instances', rebootInstances, { instances: ['web-1'] }, {}],
  ['reserve-systems', reserveSystems, {}, {}],
  ['release-systems', releaseSystems, {}, { system: ['node-3'] }],
  ['create-tags', createTags, { resources: ['i-000000000001', 'node-1'] }, { tag: ['rack=2', 'spare'] }],
  ['delete-tags', deleteTags, { resources: ['node-1'] }, { tag: ['rack'] }],
  ['get-console-output', getConsoleOutput, { instance: ['web-1'] }, {}],
] as const)
  for (const output of ['table', 'text'] as const)
    t.test(`${name} as ${output}`, async t => {
      const ran = await runAgainst(from ?? answers, what, operands, { ...options, output })
      t.match(ran, { exit: EXIT.ok, stderr: name === 'run-instances-dry-run' ? /nothing was done/ : '' })
      const file = `${name}${output === 'table' ? '' : `-${output}`}.txt`
      golden(t, `test/golden/commands/${file}`, ran.stdout)
    })

for (const [name, what, operands, options, want] of [
  ['describe-instances', describeInstances, {}, { all: true }, answers['GET /instances']],
  ['describe-instance', describeInstance, { instance: ['web-1'] }, {}, answers['GET /instances/web-1']],
  ['describe-profiles', describeProfiles, {}, {}, answers['GET /profiles']],
  ['describe-distros', describeDistros, {}, {}, answers['GET /distros']],
  ['describe-system-groups', describeSystemGroups, {}, { freed: true }, [200, [newcomer]]],
  ['describe-system-user', describeSystemUser, {}, { user: 'demo' }, [200, [rack]]],
  ['run-instances', runInstances, {}, {}, [200, [demo]]],
  ['terminate-instances', terminateInstances, {}, { user: 'demo' }, answers['POST /instances/terminate']],
  ['reserve-systems', reserveSystems, {}, {}, [200, [held]]],
  ['create-tags', createTags, { resources: ['node-1'] }, { tag: ['a=b'] }, answers['POST /tags']],
  ['delete-tags', deleteTags, { resources: ['node-1'] }, { tag: ['a'] }, answers['POST /tags/delete']],
  [
    'get-console-output',
    getConsoleOutput,
    { instance: ['web-1'] },
    {},
    [200, { instance: 'web-1', output: log }],
  ],
] as const)
  t.test(`${name} as json is what the API tells`, async t => {
    const ran = await runAgainst(answers, what, operands, { ...options, output: 'json' })
    t.same(JSON.parse(ran.stdout), want[1])
  })

const asked = { user: 'kyo' }
for (const [name, what, operands, options, method, path, body] of [
  ['the defaults', runInstances, {}, {}, 'POST', '/instances', { ...asked }],
  [
    '-n, -g, -p and -u',
    runInstances,
    {},
    { count: 2, group: 'pool', profile: 'rocky-9', user: 'demo' },
    'POST',
    '/instances',
    { user: 'demo', count: 2, group: 'pool', profile: 'rocky-9' },
  ],
  [
    '-i with commas, and operands',
    runInstances,
    { systems: ['a'] },
    { system: ['b,c', 'd'] },
    'POST',
    '/instances',
    { ...asked, systems: ['a', 'b', 'c', 'd'] },
  ],
  [
    '--name, --tag, --client-token, --filter, --prefer',
    runInstances,
    {},
    { name: 'web', tag: ['a=b=c', 'd'], 'client-token': 't', filter: ['cores>=4'], prefer: 'largest' },
    'POST',
    '/instances',
    {
      ...asked,
      name: 'web',
      tags: { a: 'b=c', d: '' },
      clientToken: 't',
      filter: ['cores>=4'],
      prefer: 'largest',
    },
  ],
  ['--dry-run', runInstances, {}, { 'dry-run': true }, 'POST', '/instances', { ...asked, dryRun: true }],
  [
    '--retry of some',
    runInstances,
    {},
    { retry: true, system: ['i-1'] },
    'POST',
    '/instances/retry',
    { instances: ['i-1'] },
  ],
  [
    '--retry of a user',
    runInstances,
    {},
    { retry: true, user: 'demo' },
    'POST',
    '/instances/retry',
    { user: 'demo' },
  ],
  ['reserve', reserveSystems, {}, { count: 2 }, 'POST', '/reservations', { ...asked, count: 2 }],
  [
    'release of a user',
    releaseSystems,
    {},
    { user: 'demo' },
    'POST',
    '/reservations/release',
    { user: 'demo' },
  ],
  [
    'release of some',
    releaseSystems,
    { systems: ['a'] },
    {},
    'POST',
    '/reservations/release',
    { systems: ['a'] },
  ],
  [
    'terminate some',
    terminateInstances,
    { instances: ['a'] },
    { instance: ['b'] },
    'POST',
    '/instances/terminate',
    { instances: ['a', 'b'] },
  ],
  [
    'terminate a user, wiped and off',
    terminateInstances,
    {},
    { user: 'demo', wipe: 'full', 'power-off': true },
    'POST',
    '/instances/terminate',
    { user: 'demo', wipe: 'full', powerOff: true },
  ],
  [
    "terminate what is the user's",
    terminateInstances,
    { instances: ['a'] },
    { user: 'demo' },
    'POST',
    '/instances/terminate',
    { instances: ['a'], user: 'demo' },
  ],
  [
    'create tags',
    createTags,
    { resources: ['a', 'b'] },
    { tag: ['k=v'] },
    'POST',
    '/tags',
    { resources: ['a', 'b'], tags: { k: 'v' } },
  ],
  [
    'delete tags',
    deleteTags,
    { resources: ['a'] },
    { tag: ['k'] },
    'POST',
    '/tags/delete',
    { resources: ['a'], keys: ['k'] },
  ],
] as const)
  t.test(`asks the API: ${name}`, async t => {
    const { seen } = await runAgainst(answers, what, operands, options)
    const request = seen.find(one => one.method === method)
    t.same([request?.path, JSON.parse(request?.body ?? '')], [path, body])
  })

for (const [name, operands, options, stdout, stderr, exit] of [
  ['your own', {}, {}, /db-1/, '', EXIT.ok],
  ['of another', {}, { user: 'demo' }, /web-1.*web-2/s, '', EXIT.ok],
  ['named, of anybody', { instances: ['web-2'] }, {}, /^ID.*web-2/s, '', EXIT.ok],
  ['named by -i', {}, { instance: ['i-000000000001'] }, /web-1/, '', EXIT.ok],
  [
    'some that are and one that is not',
    { instances: ['web-9', 'web-1'] },
    {},
    /web-1/,
    /web-9/,
    EXIT.notFound,
  ],
  ['filtered', {}, { all: true, filter: ['state=running', 'tag:rack=2'] }, /web-1/, '', EXIT.ok],
] as const)
  t.test(`describe-instances: ${name}`, async t =>
    t.match(await runAgainst(answers, describeInstances, operands, options), { stdout, stderr, exit }),
  )

t.test('what somebody has to do at a machine is told at once', async t => {
  const reason = 'it never phoned home, so it cannot be rebooted over SSH: switch it off and on'
  const from = { ...answers, 'POST /instances/terminate': [200, [{ ...down, reason }, down]] } as const
  const { stderr } = await runAgainst(from, terminateInstances, {}, { user: 'demo' })
  t.equal(stderr, `web-1 (i-000000000001): ${reason}\n`)
})

for (const [name, instance, want] of [
  ['in the middle', installing, 'being written'],
  ['chosen', { ...installing, stage: 'reserved', touched: false }, 'not written yet'],
  ['chosen again', { ...installing, stage: 'reserved' }, 'perhaps written'],
  ['failed before it began', { ...failed, touched: false }, 'not written'],
  ['failed in the middle', failed, 'perhaps written'],
  ['running', running, 'written'],
  ['given back, as it was', { ...running, state: 'terminated' }, 'written'],
  ['given back, wiped', { ...running, state: 'terminated', wipe: 'quick', touched: false }, 'wiped'],
  ['given back, never begun', { ...fresh, state: 'terminated', touched: false }, 'not written'],
] as const)
  t.test(`the disk: ${name}`, async t => t.equal(writtenOf(instance as unknown as InstanceView), want))

const short = error('conflict', 'not enough resources: asked 3, free 2 (1 protected)')
for (const [name, what, operands, options, exit, stderr, from] of [
  [
    'too few are free',
    runInstances,
    {},
    { count: 3 },
    EXIT.refused,
    /asked 3, free 2 \(1 protected\)\n$/,
    { 'POST /instances': [409, short] },
  ],
  [
    'nothing is named to terminate',
    terminateInstances,
    {},
    {},
    EXIT.usage,
    /name the instances, or say -u USER/,
  ],
  ['nothing is named to release', releaseSystems, {}, {}, EXIT.usage, /name the systems, or say -u USER/],
  [
    'nothing to retry',
    retryInstances,
    {},
    { user: 'x' },
    EXIT.notFound,
    /no such instance/,
    { ...answers, 'POST /instances/retry': [200, []] },
  ],
  [
    'a retry with another profile',
    runInstances,
    {},
    { retry: true, profile: 'x' },
    EXIT.usage,
    /--profile has no say in a --retry/,
  ],
  [
    'a retry that is only to be told',
    runInstances,
    {},
    { retry: true, 'dry-run': true, system: ['db-1'] },
    EXIT.usage,
    /--dry-run has no say in a --retry/,
  ],
  ['a tag without a key', runInstances, {}, { tag: ['=x'] }, EXIT.usage, /--tag takes KEY=VALUE, not '=x'/],
  ['a value to delete', deleteTags, { resources: ['a'] }, { tag: ['k=v'] }, EXIT.usage, /takes a KEY here/],
  [
    'user data that is absent',
    runInstances,
    {},
    { 'user-data': '/absent' },
    EXIT.usage,
    /cannot read the user data/,
  ],
  ['an unknown instance', describeInstance, { instance: ['x'] }, {}, EXIT.notFound, /x/],
  [
    'an unknown group',
    describeSystemGroups,
    {},
    { group: 'x' },
    EXIT.notFound,
    /no system is in the group x/,
  ],
  ['a user without systems', describeSystemUser, {}, {}, EXIT.notFound, /no system is under kyo/],
] as const)
  t.test(`refused: ${name}`, async t =>
    t.match(await runAgainst(from ?? answers, what, operands, options), { exit, stderr }),
  )

t.test('who is asking must be known', async t => {
  const env = { MUSTER_SERVER: 'http://127.0.0.1:9', MUSTER_TOKEN: 'x', MUSTER_CONFIG: '/dev/null' }
  const ran = await runAgainst(answers, runInstances, {}, {}, { env })
  t.match(ran, { exit: EXIT.usage, stderr: /say it with -u/, seen: [] })
})

t.test('user data goes as base64', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'muster-user-data-'))
  t.teardown(() => rm(dir, { recursive: true }))
  const file = join(dir, 'data')
  await writeFile(file, '#cloud-config\n')
  const { seen } = await runAgainst(answers, runInstances, {}, { 'user-data': file })
  t.match(JSON.parse(seen[0]?.body ?? ''), { userData: 'I2Nsb3VkLWNvbmZpZwo=' })
})
