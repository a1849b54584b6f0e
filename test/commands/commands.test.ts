import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { changes } from '../../src/commands/changes.js'
import { type Command, EXIT } from '../../src/commands/command.js'
import { describeSystem } from '../../src/commands/describeSystem.js'
import { describeSystems } from '../../src/commands/describeSystems.js'
import { events } from '../../src/commands/events.js'
import { savePackets } from '../../src/commands/savePackets.js'
import { status } from '../../src/commands/status.js'
import { golden } from '../golden.js'
import { error, fakeApi, fakeContext } from './fakeApi.js'
import { described, newcomer, rack } from './machines.js'
import { runAgainst } from './run.js'

const told = [
  { id: 7, at: '2026-01-02T11:59:00.000Z', machine: rack.id, kind: 'seen', text: 'offered snponly.efi' },
  {
    id: 8,
    at: '2026-01-02T11:59:48.000Z',
    machine: rack.id,
    kind: 'facts-changed',
    text: 'disk sdb is\tnew',
  },
]
const answers = {
  'GET /systems': [200, [rack, newcomer]],
  'GET /systems/node-1': [200, described],
  'GET /systems/a%2Fb': [200, newcomer],
  'GET /systems/node-2': [200, newcomer],
  'GET /events?limit=100&wait=0': [200, told],
  'GET /events?limit=5&system=node-1&after=6&wait=0': [200, told],
  'GET /status': [200, { version: '0.1.0', programs: ['ipxe.efi', 'undionly.kpxe'], dhcp: { offers: 3 } }],
  'GET /packets.pcap': [200, Buffer.from('pcap')],
  'POST /systems/node-1/protect': [200, { ...rack, state: 'protected' }],
  'POST /systems/node-2/protect': [409, error('conflict', 'node-2 is protected already')],
  'POST /systems/wake': [200, [rack]],
  'POST /systems/node-2/orders': [200, { id: 3, kind: 'reboot' }],
  'PATCH /systems/node-1': [200, { ...rack, group: 'rack-3', localBoot: 'exit' }],
  'PATCH /systems/node-2': [400, error('invalid', 'group: is not a label')],
} as const

function command(name: string): Command {
  const found = changes.find(c => c.name === name)
  if (!found) throw new Error(`no command ${name}`)
  return found
}

const run = (command: Command, operands: object, options: object = {}) =>
  runAgainst(answers, command, operands, options)

for (const [name, what, operands, options] of [
  ['describe-systems.txt', describeSystems, {}, {}],
  ['describe-systems-text.txt', describeSystems, {}, { output: 'text' }],
  ['describe-systems-json.txt', describeSystems, {}, { output: 'json' }],
  [
    'describe-systems-columns.txt',
    describeSystems,
    { systems: ['node-1'] },
    { columns: 'name,macs,uuid,first-seen' },
  ],
  ['describe-system.txt', describeSystem, { system: ['node-1'] }, {}],
  ['describe-system-newcomer.txt', describeSystem, { system: ['node-2'] }, {}],
  ['describe-system-text.txt', describeSystem, { system: ['node-1'] }, { output: 'text' }],
  ['events.txt', events, {}, {}],
  ['events-text.txt', events, {}, { output: 'text', limit: 5, system: 'node-1', after: 6 }],
  ['events-json.txt', events, {}, { output: 'json' }],
  ['status.txt', status, {}, {}],
  ['status-text.txt', status, {}, { output: 'text' }],
] as const)
  t.test(`output as in ${name}`, async t => {
    const ran = await run(what, operands as never, options)
    t.match(ran, { exit: EXIT.ok, stderr: '' })
    golden(t, `test/golden/commands/${name}`, ran.stdout)
  })

for (const [name, operands, method, path, body, stdout] of [
  [
    'protect-system',
    { systems: ['node-1'] },
    'POST',
    '/systems/node-1/protect',
    '',
    /^SYSTEM\tm-0123456789ab\tnode-1\track-2\tprotected\tauto\t\n$/,
  ],
  [
    'reboot-system',
    { systems: ['node-2'] },
    'POST',
    '/systems/node-2/orders',
    '{"order":"reboot"}',
    /^ORDER\t3\treboot\tnode-2\n$/,
  ],
  [
    'wake-system',
    { systems: ['node-1'] },
    'POST',
    '/systems/wake',
    '{"systems":["node-1"]}',
    /^SYSTEM\tm-0123456789ab\tnode-1\t/,
  ],
  [
    'set-group',
    { group: ['rack-3'], systems: ['node-1'] },
    'PATCH',
    '/systems/node-1',
    '{"group":"rack-3"}',
    /\track-3\t/,
  ],
  [
    'set-local-boot',
    { how: ['exit'], systems: ['node-1'] },
    'PATCH',
    '/systems/node-1',
    '{"localBoot":"exit"}',
    /\texit\t\n$/,
  ],
  [
    'rename-system',
    { name: ['x'], systems: ['node-1'] },
    'PATCH',
    '/systems/node-1',
    '{"name":"x"}',
    /^SYSTEM/,
  ],
] as const)
  t.test(`${name} asks the API and tells what came of it`, async t => {
    const ran = await run(command(name), operands as never)
    t.match(ran, { exit: EXIT.ok, stderr: '', stdout })
    t.match(ran.seen.at(-1), { method, path, body, authorization: 'Bearer secret' })
  })

t.test('one system that is refused does not keep the others back', async t => {
  const ran = await run(command('protect-system'), { systems: ['node-2', 'node-9', 'node-1'] })
  t.equal(ran.exit, EXIT.refused, 'the first failure decides')
  t.match(ran.stdout, /^SYSTEM\tm-0123456789ab/)
  t.match(ran.stderr, /^muster: node-2 is protected already\nmuster: no system at .*node-9/)
})

for (const [name, what, operands, options, exit, stderr] of [
  ['an unknown system', describeSystem, { system: ['node-9'] }, {}, EXIT.notFound, /no system/],
  [
    'some unknown systems',
    describeSystems,
    { systems: ['node-9', 'node-1'] },
    {},
    EXIT.notFound,
    /no system/,
  ],
  [
    'an unknown column',
    describeSystems,
    {},
    { columns: 'name,colour' },
    EXIT.usage,
    /no column 'colour'; there are id,/,
  ],
  [
    'what the API finds invalid',
    command('set-group'),
    { group: ['!'], systems: ['node-2'] },
    {},
    EXIT.usage,
    /label/,
  ],
  [
    'no token',
    status,
    {},
    { 'token-file': '/absent' },
    EXIT.failed,
    /cannot read the API token.*MUSTER_TOKEN or --token-file/,
  ],
  [
    'no daemon',
    status,
    {},
    { server: 'http://127.0.0.1:9' },
    EXIT.unreachable,
    /does not answer on http:\/\/127.0.0.1:9.*--server/,
  ],
  ['a server that is no URL', status, {}, { server: 'node-1' }, EXIT.usage, /--server must be a URL/],
  [
    'a file that cannot be written',
    savePackets,
    { file: ['/absent/x.pcap'] },
    {},
    EXIT.failed,
    /cannot write the packets/,
  ],
] as const)
  t.test(`refused: ${name}`, async t =>
    t.match(await run(what, operands as never, options), { exit, stderr }),
  )

t.test('a name is one segment of the path', async t =>
  t.match(await run(describeSystems, { systems: ['a/b'] }), { exit: EXIT.ok }),
)

t.test('save-packets writes the bytes', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'muster-packets-'))
  t.teardown(() => rm(dir, { recursive: true }))
  const file = join(dir, 'x.pcap')
  t.match(await run(savePackets, { file: [file] }), { exit: EXIT.ok, stdout: `4 bytes written to ${file}\n` })
  t.equal(await readFile(file, 'utf8'), 'pcap')
})

t.test('a token that is not accepted', async t => {
  const api = await fakeApi({ 'GET /status': [401, error('unauthorized', 'no')] })
  t.teardown(api.close)
  const context = fakeContext(api.url)
  t.equal(await status.run({ operands: {} } as never, context), EXIT.failed)
  t.match(context.stderr(), /does not accept this token/)
})
