import t from 'tap'
import { knownHosts } from '../../src/core/knownHosts.js'

const ED = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHost'
const EC = 'ecdsa-sha2-nistp256 AAAAE2VjZHNhHost'

for (const [name, nodes, want] of [
  ['none', [], ''],
  [
    'two keys',
    [{ name: 'web', address: '192.0.2.7', hostKeys: [ED, EC] }],
    `web,192.0.2.7 ${EC}\nweb,192.0.2.7 ${ED}\n`,
  ],
  ['not installed yet', [{ name: 'web' }], ''],
  [
    'by name',
    [
      { name: 'web', address: '192.0.2.7', hostKeys: [ED] },
      { name: 'db', address: '192.0.2.8', hostKeys: [EC] },
    ],
    `db,192.0.2.8 ${EC}\nweb,192.0.2.7 ${ED}\n`,
  ],
  ['without an address', [{ name: 'web', hostKeys: [ED] }], `web ${ED}\n`],
] as const)
  t.test(`known hosts: ${name}`, async t => t.equal(knownHosts(nodes), want))
