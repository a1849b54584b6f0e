import type { NodeFacts, NodeValues, Wanted } from '../core/role.js'

/** Nodes on which a role is tried out when it is read: before and after the pool has elected, either distribution. */

const node = (name: string, values: Partial<NodeValues>): NodeValues => ({
  id: 'i-000000000000',
  name,
  address: '192.0.2.1',
  user: 'owner',
  profile: 'debian-12-image',
  distribution: 'debian',
  release: '12',
  cores: 1,
  memory: 2 ** 30,
  role: '',
  hostKeys: [`ssh-ed25519 ${'A'.repeat(68)}`],
  published: {},
  ...values,
})

function wanted(self: NodeValues, others: readonly NodeValues[]): Wanted {
  const nodes = [self, ...others]
  const master = nodes.find(({ role }) => role === 'master')
  const workers = nodes.filter(({ role }) => role === 'worker')
  return {
    node: self,
    pool: { name: 'pool', nodes, elected: master !== undefined, master: master ?? self, workers },
    users: { owner: 'owner', pool: 'pool' },
    ownerKeys: [`ssh-ed25519 ${'B'.repeat(68)} owner`],
    daemon: { url: 'http://192.0.2.254:8067', publicKey: `ssh-ed25519 ${'C'.repeat(68)} muster` },
    ca: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    images: { answer: 'a'.repeat(64) },
    now: new Date(0),
  }
}

const master = node('node-1', { role: 'master' })
const worker = node('node-2', { role: 'worker', address: '192.0.2.2' })
const rocky = node('node-3', { role: 'worker', distribution: 'rocky', release: '9', profile: 'rocky-9' })
const debian: NodeFacts = { 'os.id': 'debian', 'os.version': '12', 'os.manager': 'apt' }

export const SAMPLES: readonly { readonly wanted: Wanted; readonly facts: NodeFacts }[] = [
  { wanted: wanted(node('node-1', {}), []), facts: debian },
  { wanted: wanted(master, [worker]), facts: debian },
  { wanted: wanted(worker, [master]), facts: debian },
  { wanted: wanted(rocky, [master]), facts: { 'os.id': 'rocky', 'os.version': '9', 'os.manager': 'dnf' } },
]
