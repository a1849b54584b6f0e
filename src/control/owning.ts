import type { LocalBoot, Machine, MachineEvent } from '../core/machine.js'
import { BOOT_TARGET, NEXT } from '../core/machine.js'
import { whyNotGroup, whyNotLocalBoot, whyNotName } from '../core/naming.js'
import { BOOT_DISK, type GivenOrder, type Order } from '../core/order.js'
import { type Refusal, refuse } from '../core/refusal.js'
import type { Reads } from '../io/store.js'
import { parseMac } from '../wire/mac.js'
import type { Act } from './act.js'

/** What the owner asks of a machine: names, orders, and why not. */

/** The owner's choices for a machine; what is absent stays. */
export type Change = { group?: string; name?: string; localBoot?: LocalBoot }

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

export function inapplicable({ name, state }: Machine, event: MachineEvent): Refusal {
  const possible = Object.keys(NEXT[state]).filter(event => event !== 'facts')
  return refuse(
    'conflict',
    `${name} is ${state}, so ${event} is not possible; possible: ${possible.join(', ')}`,
  )
}

export async function change(act: Act, machine: Machine, wanted: Change): Promise<Machine | Refusal> {
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
  const changed: Machine = { ...machine, ...wanted }
  const differences = (['name', 'group', 'localBoot'] as const)
    .filter(field => machine[field] !== changed[field])
    .map(field => `${field}: ${machine[field]} -> ${changed[field]}`)
  if (differences.length === 0) return machine
  await act.tx.save(changed)
  await act.note(machine.id, 'changed', differences.join('; '))
  return changed
}

export async function give(act: Act, machine: Machine, kind: GivenOrder): Promise<Order | Refusal> {
  if (BOOT_TARGET[machine.state] === 'disk')
    return refuse('conflict', `${machine.name} is ${machine.state}: only a machine in the scout takes orders`)
  const given = await act.tx.openOrder(machine.id, kind)
  if (given) return given
  const id = await act.tx.addOrder(machine.id, kind, act.at)
  await act.note(machine.id, 'order', `${kind} (order ${id}) given`, { order: id, kind })
  return { id, kind }
}

/** The scout says that it is about to do it. */
export async function finish(act: Act, machine: Machine, order: number): Promise<boolean> {
  const fromState = order === BOOT_DISK.id && BOOT_TARGET[machine.state] === 'disk'
  const kind = fromState ? BOOT_DISK.kind : await act.tx.closeOrder(machine.id, order, act.at)
  if (!kind) return false
  const text = fromState ? 'leaves the scout for its own disk' : `${kind} (order ${order}): the scout does it`
  await act.note(machine.id, 'order-done', text, { order })
  return true
}
