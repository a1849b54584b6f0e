import { createHash } from 'node:crypto'
import type { NodeFacts, NodeValues, Role, RoleFile, Wanted } from '../../src/core/role.js'

export const KEY = `ssh-ed25519 ${'A'.repeat(68)}`

export const nodeValues = (values: Partial<NodeValues> = {}): NodeValues => ({
  id: 'i-111111111111',
  name: 'node-1',
  address: '10.0.0.11',
  user: 'demo',
  profile: 'debian-12-image',
  distribution: 'debian',
  release: '12',
  cores: 2,
  memory: 2 ** 31,
  role: '',
  hostKeys: [KEY],
  published: {},
  ...values,
})

/** What a node of a pool is to be; its pool is made of it and the others. */
export function wantedFor(
  self: Partial<NodeValues> = {},
  others: readonly Partial<NodeValues>[] = [],
): Wanted {
  const node = nodeValues(self)
  const nodes = [node, ...others.map(nodeValues)]
  const master = nodes.find(({ role }) => role === 'master')
  return {
    node,
    pool: {
      name: 'pool',
      nodes,
      elected: master !== undefined,
      master: master ?? node,
      workers: nodes.filter(({ role }) => role === 'worker'),
    },
    users: { owner: 'owner', pool: 'pool' },
    ownerKeys: [`${KEY} ann@desk`],
    daemon: { url: 'http://10.0.0.2:8067', publicKey: `${KEY} muster` },
    ca: '-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n',
    images: { answer: 'a'.repeat(64) },
    now: new Date('2026-11-21T12:00:00Z'),
  }
}

/** What a node says of a file that is as this one. */
export const stateOf = ({ path, content = '', mode, owner }: RoleFile): NodeFacts => ({
  [`file.${path}`]: `${mode} ${owner}`,
  [`sha256.${path}`]: createHash('sha256').update(content).digest('hex'),
})

/** Facts of a node on which all files of these roles are as wanted. */
export function filesPut(roles: readonly Role[], wanted: Wanted, facts: NodeFacts): NodeFacts {
  const files = roles
    .filter(role => role.applies(wanted))
    .flatMap(role => role.files(wanted, facts))
    .filter(file => file.content !== undefined)
  return Object.assign({ ...facts }, ...files.map(stateOf))
}
