import t from 'tap'
import { ca } from '../../src/commands/ca.js'
import { EXIT } from '../../src/commands/command.js'
import { inventory, knownHosts } from '../../src/commands/directory.js'
import { ansibleInventory } from '../../src/core/ansible.js'
import { golden } from '../golden.js'
import { pretendAuthority } from '../support/directory.js'
import { threeNodes } from '../support/nodes.js'
import { runAgainst } from './run.js'

const nodes = ansibleInventory(threeNodes(), 'owner')
const answers = {
  'GET /ca': [200, pretendAuthority],
  'GET /known-hosts': [200, Buffer.from('web-1 ssh-ed25519 AAAA\nweb-2 ssh-ed25519 AAAB\n')],
  'GET /inventory': [200, nodes],
} as const

const named = (name: string) => {
  const found = ca.find(command => command.name === name)
  if (!found) throw new Error(`no command ${name}`)
  return found
}

for (const output of ['table', 'text'] as const)
  t.test(`ca show as ${output}`, async t => {
    const ran = await runAgainst(answers, named('ca show'), {}, { output })
    t.match(ran, { exit: EXIT.ok, stderr: '' })
    golden(t, `test/golden/commands/ca-show${output === 'table' ? '' : '-text'}.txt`, ran.stdout)
  })

for (const [name, what, options, stdout] of [
  ['ca show as json', named('ca show'), { output: 'json' }, pretendAuthority],
  ['ca export', named('ca export'), {}, pretendAuthority.certificate],
  ['known-hosts', knownHosts, {}, 'web-1 ssh-ed25519 AAAA\nweb-2 ssh-ed25519 AAAB\n'],
  ['inventory --list', inventory, { list: true }, nodes],
  ['inventory', inventory, {}, nodes],
  ['inventory --host', inventory, { host: 'web-1' }, nodes._meta.hostvars['web-1']],
] as const)
  t.test(name, async t => {
    const ran = await runAgainst(answers, what, {}, options)
    t.match(ran, { exit: EXIT.ok, stderr: '' })
    t.same(typeof stdout === 'string' ? ran.stdout : JSON.parse(ran.stdout), stdout)
  })

t.test('a host that is none', async t => {
  const ran = await runAgainst(answers, inventory, {}, { host: 'elm' })
  t.match(ran, { exit: EXIT.notFound, stdout: '', stderr: /is called elm/ })
})

t.test('nobody is known yet', async t => {
  const none = { 'GET /known-hosts': [200, Buffer.alloc(0)] } as const
  t.match(await runAgainst(none, knownHosts, {}, {}), { exit: EXIT.ok, stdout: '' })
})
