import t from 'tap'
import { ansibleInventory, groupName } from '../../src/core/ansible.js'
import { golden } from '../golden.js'
import { node, threeNodes } from '../support/nodes.js'

t.test('a pool with its master, and a node whose pool has none', async t => {
  const inventory = ansibleInventory(threeNodes(), 'owner')
  golden(t, 'test/golden/ansible/inventory.json', `${JSON.stringify(inventory, null, 2)}\n`)
  t.same(ansibleInventory(threeNodes().reverse(), 'owner'), inventory, 'in whatever order they come')
})

t.test('nobody', async t =>
  t.same(ansibleInventory([], 'owner'), {
    _meta: { hostvars: {} },
    masters: { children: ['role_master'] },
    role_master: { hosts: [] },
    role_worker: { hosts: [] },
  }),
)

t.test('who has not phoned home cannot be reached', async t => {
  const { _meta, pool_default } = ansibleInventory([node({ address: undefined })], 'owner')
  t.same([_meta.hostvars, pool_default], [{}, undefined])
})

t.test('what a machine or a tag says is never a template', async t => {
  const evil = "{{ lookup('pipe', 'id') }}"
  const machine = { vendor: evil, product: '{% raw %}', serial: '{# x #}' }
  const inventory = ansibleInventory([node({ user: evil, tags: { [evil]: evil } }, machine)], 'owner')
  t.notMatch(JSON.stringify(inventory), /\{\{|\}\}.*lookup|\{%|\{#/)
  t.match(inventory._meta.hostvars['web-1'], { muster_vendor: "(( lookup('pipe', 'id') ))" })
})

for (const [kind, name, want] of [
  ['pool', 'rack-2', 'pool_rack_2'],
  ['pool', '2', 'pool_2'],
  ['profile', 'debian-12-image', 'profile_debian_12_image'],
  ['role', 'master', 'role_master'],
] as const)
  t.test(`the group of ${kind} ${name}`, async t => {
    t.equal(groupName(kind, name), want)
    t.match(want, /^[A-Za-z_][A-Za-z0-9_]*$/)
  })
