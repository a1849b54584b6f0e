import { fateOf, isComing, isMember, judge } from '../core/election.js'
import type { InstanceRecord } from '../core/instance.js'
import { whyNotGroup } from '../core/naming.js'
import { MIN_NODES, type Pool, type PoolView } from '../core/pool.js'
import { type Refusal, refuse } from '../core/refusal.js'
import type { Reads } from '../io/store.js'
import type { Act } from './act.js'
import { viewOf } from './instanceViews.js'

/** What pools go by. */
export type PoolRules = {
  readonly roles: readonly string[] // that nodes get whose profile names none
  /** The fewest nodes that rules of the owner ask for in a group, beside what the pool was given. */
  readonly minNodes?: (group: string) => number
}

/** The roles of one node. A node without any is only installed: it is in no pool. */
export const rolesOf = ({ snapshot }: Pick<InstanceRecord, 'snapshot'>, { roles }: PoolRules) =>
  snapshot.roles ?? roles

/**
 * A node came into a group or left it, or is not being installed any more: elects when it is time, and has every node of
 * the group looked at again when that changes what they see of each other.
 */
export async function poolChanged(
  act: Act,
  rules: PoolRules,
  group: string,
  changed: 'nodes' | 'hopes',
): Promise<void> {
  const managed = (await act.tx.instancesIn(group)).filter(one => rolesOf(one, rules).length > 0)
  const members = managed.filter(isMember)
  const elected = await elect(act, rules, group, members, managed.filter(isComing))
  if (elected || changed === 'nodes') await lookAgain(act, members)
}

/** Has nodes looked at as soon as there is time for them; those that are tried again after a failure keep their pause. */
export async function lookAgain(act: Act, nodes: readonly InstanceRecord[]): Promise<void> {
  for (const node of nodes) {
    const pauses = node.convergeAt !== undefined && node.misses + node.passSteps > 0
    if (!pauses) await act.tx.saveInstance({ ...node, convergeAt: act.at })
  }
}

async function elect(
  act: Act,
  rules: PoolRules,
  group: string,
  members: readonly InstanceRecord[],
  coming: readonly InstanceRecord[],
): Promise<boolean> {
  const pool = await act.tx.pool(group)
  const { master: before, waiting: _, ...rest } = pool
  const verdict = judge(pool, minNodesOf(pool, rules), await withHardware(act, members), coming)
  if (verdict.kind === 'keep') return false
  if (verdict.kind === 'wait') {
    if (verdict.why !== pool.waiting) await act.tx.savePool({ ...rest, waiting: verdict.why })
    if (verdict.why !== pool.waiting && members[0]) await tell(act, group, members[0], verdict.why)
    return false
  }
  const master = verdict.kind === 'elect' ? verdict.master : undefined
  await act.tx.savePool({ ...rest, ...(master && { master: master.id }) })
  if (master && verdict.kind === 'elect') {
    const gone = before && `; ${fateOf(await act.tx.instance(before), group)}`
    await tell(
      act,
      group,
      master.instance,
      `${master.instance.name} is the master: ${verdict.why}${gone ?? ''}`,
    )
  }
  return true
}

const tell = (act: Act, pool: string, { id, machine }: InstanceRecord, text: string) =>
  act.note(machine, 'pool', `${pool}: ${text}`, { pool, instance: id })

const minNodesOf = ({ name, minNodes }: Pool, rules: PoolRules) =>
  Math.max(minNodes, rules.minNodes?.(name) ?? MIN_NODES.least)

async function withHardware(act: Act, members: readonly InstanceRecord[]) {
  const candidates = []
  for (const instance of members) {
    const { cores, memory, serial } = (await act.tx.brief(instance.machine)) ?? {}
    candidates.push({ id: instance.id, cores, memory, serial, instance })
  }
  return candidates
}

/** A group may ask for nodes before it has any. */
export async function setMinNodes(
  act: Act,
  rules: PoolRules,
  name: string,
  minNodes: number,
): Promise<PoolView | Refusal> {
  const invalid = whyNotGroup(name)
  if (invalid) return refuse('invalid', invalid)
  const pool = await act.tx.pool(name)
  if (pool.minNodes !== minNodes) await act.tx.savePool({ ...pool, minNodes })
  await poolChanged(act, rules, name, 'hopes')
  return poolView(rules, await act.tx.pool(name), await act.tx.instancesIn(name))
}

/** All pools by name: groups with a node, and groups that were given a number of nodes. */
export async function poolViews(reads: Reads, rules: PoolRules): Promise<PoolView[]> {
  const instances = (await reads.instances({})).filter(one => rolesOf(one, rules).length > 0)
  const groups = instances.filter(isMember).map(({ group }) => group)
  const names = [...new Set([...groups, ...(await reads.pools()).map(({ name }) => name)])].sort()
  const views: PoolView[] = []
  for (const name of names) {
    const own = instances.filter(({ group }) => group === name)
    views.push(poolView(rules, await reads.pool(name), own))
  }
  return views
}

function poolView(rules: PoolRules, pool: Pool, instances: readonly InstanceRecord[]): PoolView {
  const nodes = instances.filter(one => isMember(one) && rolesOf(one, rules).length > 0).map(viewOf)
  return {
    ...pool,
    minNodes: minNodesOf(pool, rules),
    nodes: nodes.map(({ id, name, state, stage, role, address, reason }) => ({
      ...{ id, name, state },
      ...(stage && { stage }),
      ...(role && { role }),
      ...(address && { address }),
      ...(state === 'running' && reason && { impaired: reason }),
    })),
  }
}
