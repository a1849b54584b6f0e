import t from 'tap'
import { unitFile } from '../../src/local/unit.js'
import { golden } from '../golden.js'

const usual = { node: '/usr/bin/node', program: '/opt/muster/dist/cli.js', settings: [] }

t.test('the unit', async t => golden(t, 'test/golden/muster.service', unitFile(usual)))

for (const [name, settings, want] of [
  ['a setting', ['--interface', 'eth1'], '"/opt/muster/dist/cli.js" "serve" "--interface" "eth1"'],
  ['what systemd would expand', ['--config', '/a b/100%$x"\\'], '"/a b/100%%$$x\\"\\\\"'],
] as const)
  t.test(`the command line quotes ${name}`, async t => {
    const line = unitFile({ ...usual, settings })
      .split('\n')
      .find(l => l.startsWith('ExecStart='))
    t.ok(line?.includes(want), `${line} has ${want}`)
  })

for (const [program, want] of [
  ['/opt/muster/dist/cli.js', 'yes'],
  ['/home/ann/muster/dist/cli.js', 'read-only'],
] as const)
  t.test(`homes, with the program at ${program}`, async t =>
    t.match(unitFile({ ...usual, program }), `\nProtectHome=${want}\n`),
  )
