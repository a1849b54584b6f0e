import { defined } from '../core/defined.js'
import { isMember } from '../core/election.js'
import { after, type InstanceRecord } from '../core/instance.js'
import type { ConvergeView } from '../core/instanceView.js'
import { isRefusal, type Refusal, refuse } from '../core/refusal.js'
import type { Act } from './act.js'
import { chosenOf, protectedOf } from './choosing.js'
import type { Chosen } from './instances.js'
import { viewOf } from './instanceViews.js'
import { type LifeRules, makeNode, tell } from './phases.js'
import { rolesOf } from './pools.js'
import { nodeOf } from './rebooting.js'

/**
 * Has nodes looked at again, and those that failed on their way to be one made it: those named, with one that is refused
 * none, or all for which it can be done, of a user if one is given. Of these, those on protected machines are left alone.
 */
export async function convergeAgain(
  act: Act,
  rules: LifeRules,
  wanted: Chosen,
): Promise<ConvergeView[] | Refusal> {
  const nodes = wanted.instances ? await namedNodes(act, rules, wanted) : await nodesOf(act, rules, wanted)
  if (isRefusal(nodes)) return nodes
  const views: ConvergeView[] = []
  for (const node of nodes) {
    const { state, name } = (await act.tx.brief(node.machine)) ?? {}
    if (state === 'protected') views.push({ ...viewOf(node), skipped: `its system ${name} is protected` })
    else views.push(viewOf(await again(act, rules, node)))
  }
  return views
}

async function namedNodes(act: Act, rules: LifeRules, wanted: Chosen): Promise<InstanceRecord[] | Refusal> {
  const chosen = await chosenOf(act.tx, wanted)
  if (isRefusal(chosen)) return chosen
  for (const node of chosen) {
    const why = whyNot(node, rules)
    if (why) return refuse('conflict', `${node.id} (${node.name}) ${why}`)
  }
  return (await protectedOf(act.tx, chosen)) ?? chosen
}

const nodesOf = async (act: Act, rules: LifeRules, { user }: Chosen) =>
  (await act.tx.instances(defined({ user }))).filter(one => whyNot(one, rules) === undefined)

function whyNot(instance: InstanceRecord, rules: LifeRules): string | undefined {
  if (!nodeOf(instance) || after(instance.phase, 'converge') === undefined)
    return `is ${instance.phase}: only a system that phoned home is made a node`
  if (instance.phase === 'running' && rolesOf(instance, rules).length === 0)
    return 'has no roles: see the setting roles'
  return undefined
}

/** Why a node is impaired stays until it is not any more. */
async function again(act: Act, rules: LifeRules, instance: InstanceRecord): Promise<InstanceRecord> {
  const why = 'its owner has it looked at again'
  if (!isMember(instance)) {
    const { reason: _, ...fresh } = instance
    return (await makeNode(act, rules, fresh, { event: 'converge', why })) ?? instance
  }
  await tell(act, instance, why)
  const change = { misses: 0, passSteps: 0, convergeAt: act.at }
  return (await makeNode(act, rules, instance, { event: 'converge', why, change })) ?? instance
}
