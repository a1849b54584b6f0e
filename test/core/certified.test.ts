import t from 'tap'
import { certified } from '../../src/core/certified.js'

const node = { name: 'web-1', group: 'pool', address: '10.77.0.11', hostName: 'deb.debian.org' }

for (const [name, instance, want] of [
  ['what the daemon gave it', node, { names: ['web-1', 'pool'], addresses: ['10.77.0.11'] }],
  ['one name twice', { name: 'web', group: 'web' }, { names: ['web'], addresses: [] }],
] as const)
  t.test(name, async t => t.same(certified(instance), want))
