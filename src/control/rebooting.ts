import { isMember } from '../core/election.js'
import type { InstanceRecord } from '../core/instance.js'
import type { InstanceView } from '../core/instanceView.js'
import { isRefusal, type Refusal, refuse } from '../core/refusal.js'
import type { Store } from '../io/store.js'
import { chosenOf, protectedOf } from './choosing.js'
import type { Commits } from './commits.js'
import type { Chosen } from './instances.js'
import { viewOf } from './instanceViews.js'
import { tell } from './phases.js'

/** A node that can be reached: its address, and the host keys that it may show. */
export type Node = { readonly address: string; readonly hostKeys: readonly string[] }

/** Reboots it over SSH, as root with the daemon's key. Rejects with what went wrong, and soon after `end` aborts. */
export type RebootNode = (node: Node, end: AbortSignal) => Promise<void>

/** Milliseconds that one reboot may take. */
export const REBOOT_MS = 30_000

type Parts = { readonly store: Store; readonly commits: Commits; readonly rebootNode: RebootNode }

export const nodeOf = ({ address, hostKeys }: InstanceRecord): Node | undefined =>
  address === undefined || hostKeys === undefined ? undefined : { address, hostKeys }

/** All that are meant, at once; the refusal names those that could not be reached. */
export async function reboot(
  { store, commits, rebootNode }: Parts,
  chosen: Chosen,
): Promise<InstanceView[] | Refusal> {
  const found = await chosenOf(store, chosen)
  if (isRefusal(found)) return found
  const running = chosen.instances ? found : found.filter(isMember)
  const other = running.find(instance => !isMember(instance) || !nodeOf(instance))
  if (other)
    return refuse(
      'conflict',
      `${other.id} (${other.name}) is ${other.phase}: only nodes that are up are rebooted`,
    )
  const kept = await protectedOf(store, running)
  if (kept) return kept
  const faults = await Promise.all(running.map(instance => rebootOne(instance, rebootNode)))
  await commits.commit(async act => {
    for (const [n, instance] of running.entries())
      if (faults[n] === undefined) await tell(act, instance, 'rebooted by its owner')
  })
  const failed = faults.filter(fault => fault !== undefined)
  return failed.length > 0 ? refuse('conflict', failed.join('; ')) : running.map(viewOf)
}

async function rebootOne(instance: InstanceRecord, rebootNode: RebootNode): Promise<string | undefined> {
  const node = nodeOf(instance)
  if (!node) return `${instance.name} never phoned home`
  try {
    await rebootNode(node, AbortSignal.timeout(REBOOT_MS))
    return undefined
  } catch (error) {
    return `cannot reboot ${instance.name}: ${(error as Error).message}`
  }
}
