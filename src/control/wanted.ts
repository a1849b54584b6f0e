import { isMember } from '../core/election.js'
import type { InstanceRecord } from '../core/instance.js'
import type { NodeValues, Wanted } from '../core/role.js'
import type { Reads } from '../io/store.js'
import { type PoolRules, rolesOf } from './pools.js'

/** What is the same for every node. */
export type Around = Pick<Wanted, 'users' | 'ownerKeys' | 'daemon' | 'ca' | 'images'>

type Published = ReadonlyMap<string, Readonly<Record<string, string>>>

/** What a node is to be, as its pool is now. */
export async function wantedFor(
  reads: Reads,
  rules: PoolRules,
  around: Around,
  instance: InstanceRecord,
  now: Date,
): Promise<Wanted> {
  const all = await reads.instancesIn(instance.group)
  const members = all.filter(one => isMember(one) && rolesOf(one, rules).length > 0)
  const published = await reads.nodeValues(instance.group)
  const nodes: NodeValues[] = []
  for (const member of members) nodes.push(await nodeValues(reads, member, published))
  nodes.sort((a, b) => (a.name < b.name ? -1 : 1))
  const node = nodes.find(({ id }) => id === instance.id) ?? (await nodeValues(reads, instance, published))
  const master = nodes.find(({ role }) => role === 'master')
  const ownerKeys = [...new Set([...around.ownerKeys, ...instance.snapshot.sshKeys])]
  return {
    ...around,
    ...{ node, ownerKeys, now },
    pool: {
      name: instance.group,
      ...{ nodes, elected: master !== undefined, master: master ?? node },
      workers: master ? nodes.filter(({ role }) => role === 'worker') : [],
    },
  }
}

async function nodeValues(reads: Reads, instance: InstanceRecord, published: Published): Promise<NodeValues> {
  const { cores = 0, memory = 0 } = (await reads.brief(instance.machine)) ?? {}
  const { id, name, address = '', user, profile, snapshot, role = '', hostKeys = [] } = instance
  return {
    ...{ id, name, address, user, profile, cores, memory, role, hostKeys },
    ...{ distribution: snapshot.distribution, release: snapshot.release },
    published: published.get(id) ?? {},
  }
}
