import { type Derived, derivedOrder, destinationOf } from '../core/destination.js'
import { STATE_OF } from '../core/instance.js'
import type { LocalBoot, Machine, MachineEvent } from '../core/machine.js'
import { NEXT } from '../core/machine.js'
import { whyNotGroup, whyNotLocalBoot, whyNotName } from '../core/naming.js'
import { DERIVED_ID, type GivenOrder, type Order } from '../core/order.js'
import { type Refusal, refuse } from '../core/refusal.js'
import type { Reads } from '../io/store.js'
import { parseMac } from '../wire/mac.js'
import { type Act, step } from './act.js'
import { type PoolRules, poolChanged } from './pools.js'

/** What the owner asks of a machine: names, orders, and why not. */

/** The owner's choices for a machine; what is absent stays. */
export type Change = { group?: string; name?: string; localBoot?: LocalBoot; profile?: string /* '': none */ }

/** By id, former id or name, else by MAC; with facts. */
export async function lookUp(store: Reads, idOrName: string): Promise<Machine | undefined> {
  const named = await store.find(idOrName)
  const mac = named ? undefined : parseMac(idOrName)
  if (!mac) return named
  const [machine] = await store.sharing([`mac:${mac}`])
  return machine && store.find(machine.id)
}

export const unknown = (idOrName: string): Refusal =>
  refuse('not-found', `there is no machine ${idOrName.slice(0, 80)}: describe-systems lists them all`)

function inapplicable({ name, state }: Machine, event: MachineEvent): Refusal {
  const possible = Object.keys(NEXT[state]).filter(event => event !== 'facts')
  return refuse(
    'conflict',
    `${name} is ${state}, so ${event} is not possible; possible: ${possible.join(', ')}`,
  )
}

export async function change(
  act: Act,
  rules: PoolRules,
  machine: Machine,
  wanted: Change,
): Promise<Machine | Refusal> {
  const { name, group, localBoot } = wanted
  const invalid =
    (name !== undefined && whyNotName(name)) ||
    (group !== undefined && whyNotGroup(group)) ||
    (localBoot !== undefined && whyNotLocalBoot(localBoot))
  if (invalid) return refuse('invalid', invalid)
  const holder = name === undefined ? undefined : await act.tx.find(name)
  if (holder && holder.id !== machine.id)
    return refuse(
      'conflict',
      `${holder.id} is called ${name} already: choose another name, or rename that one first`,
    )
  const { profile: own, ...kept } = { ...machine, ...wanted }
  const changed: Machine = own ? { ...kept, profile: own } : kept
  const differences = (['name', 'group', 'localBoot', 'profile'] as const)
    .filter(field => machine[field] !== changed[field])
    .map(field => `${field}: ${machine[field] ?? 'none'} -> ${changed[field] ?? 'none'}`)
  if (differences.length === 0) return machine
  await act.tx.save(changed)
  await act.note(machine.id, 'changed', differences.join('; '))
  if (machine.instance && machine.group !== changed.group)
    for (const pool of [machine.group, changed.group]) await poolChanged(act, rules, pool, 'nodes')
  return changed
}

/** Neither is done to a machine whose disk may be written to at any moment. */
const KEEPS_AWAY: readonly MachineEvent[] = ['protect', 'disable-netboot']

/** One event of the machine's life. */
export async function apply(act: Act, machine: Machine, event: MachineEvent): Promise<Machine | Refusal> {
  const busy = KEEPS_AWAY.includes(event) && workOn(machine)
  if (busy) return refuse('conflict', `${machine.name} ${busy}, so ${event} is not possible now`)
  const moved = await step(act, machine, event)
  if (!moved) return inapplicable(machine, event)
  await act.tx.save(moved)
  return moved
}

/** What an instance does with the machine; undefined when it only carries it. */
function workOn({ instance }: Machine): string | undefined {
  if (!instance || instance.phase === 'terminated') return undefined
  const state = STATE_OF[instance.phase]
  if (state === 'pending') return `is being installed (${instance.id}): terminate-instances ends that`
  return state === 'shutting-down' ? `is being freed (${instance.id})` : undefined
}

export async function give(act: Act, machine: Machine, kind: GivenOrder): Promise<Order | Refusal> {
  const busy = workOn(machine)
  if (busy) return refuse('conflict', `${machine.name} ${busy}; it takes no orders meanwhile`)
  const instance = await act.tx.liveInstance(machine.id)
  if (instance?.phase === 'running')
    return refuse(
      'conflict',
      `${machine.name} runs ${instance.id}: reboot-instances reboots that, and only a machine in the scout takes orders`,
    )
  if (destinationOf(machine, instance) === 'disk')
    return refuse('conflict', `${machine.name} is ${machine.state}: only a machine in the scout takes orders`)
  const given = await act.tx.openOrder(machine.id, kind)
  if (given) return given
  const id = await act.tx.addOrder(machine.id, kind, act.at)
  await act.note(machine.id, 'order', `${kind} (order ${id}) given`, { order: id, kind })
  return { id, kind }
}

/** The scout says that it is about to do it. */
export async function finish(act: Act, machine: Machine, order: number): Promise<boolean> {
  if (order === DERIVED_ID) return finishDerived(act, machine)
  const kind = await act.tx.closeOrder(machine.id, order, act.at)
  if (!kind) return false
  await act.note(machine.id, 'order-done', `${kind} (order ${order}): the scout does it`, { order })
  return true
}

const LEAVES: Partial<Record<Derived, string>> = {
  'boot-disk': 'leaves the scout for its own disk',
  reboot: 'reboots into its installer',
}

async function finishDerived(act: Act, machine: Machine): Promise<boolean> {
  const derived = derivedOrder(machine, await act.tx.liveInstance(machine.id))
  if (!derived) return false
  const leaves = LEAVES[derived]
  if (leaves) await act.note(machine.id, 'order-done', leaves, { order: DERIVED_ID })
  return true
}
