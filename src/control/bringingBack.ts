import type { InstanceId } from '../core/instance.js'
import type { Commits } from './commits.js'
import { tell } from './phases.js'
import { type Node, nodeOf, REBOOT_MS, type RebootNode } from './rebooting.js'

/** Seconds after each try, until the next. A machine that did reboot needs some minutes to be back. */
const PAUSES = [30, 60, 120, 300, 600] as const

type Parts = { readonly commits: Commits; readonly rebootNode: RebootNode }

/** One try to reboot the machine of an instance that is shutting down, so that it netboots into the scout. */
export async function bringBack(
  { commits, rebootNode }: Parts,
  id: InstanceId,
  end: AbortSignal,
): Promise<void> {
  const node = await beginTry(commits, id)
  if (!node) return
  const fault = await tryOnce(rebootNode, node, end)
  if (end.aborted) return
  await commits.commit(async act => {
    const instance = await act.tx.instance(id)
    if (instance?.phase !== 'shutting-down') return
    const tried = `try ${instance.tries} of ${PAUSES.length}`
    await tell(act, instance, `reboot over SSH, ${tried}: ${fault ?? 'done'}`)
    const { reason: _, ...coming } = instance
    const reason = `cannot be rebooted over SSH (${fault}), ${tried}: if that goes on, switch it off and on`
    await act.tx.saveInstance(fault === undefined ? coming : { ...instance, reason })
  })
}

/** Counted before it is done: a daemon that is killed meanwhile does not start from the first try again. */
const beginTry = (commits: Commits, id: InstanceId): Promise<Node | undefined> =>
  commits.commit(async act => {
    const instance = await act.tx.instance(id)
    if (instance?.phase !== 'shutting-down' || !instance.nextTry || instance.nextTry > act.at)
      return undefined
    const { nextTry: _, ...waiting } = instance
    const node = nodeOf(instance)
    const inScout = (await act.tx.tokenOf(instance.machine)) !== undefined
    if (!node || inScout) {
      await act.tx.saveInstance(waiting)
      return undefined
    }
    const pause = PAUSES[instance.tries]
    const last = instance.tries + 1 >= PAUSES.length
    const next = new Date(act.at.getTime() + (pause ?? 0) * 1000)
    const tries = instance.tries + 1
    await act.tx.saveInstance({ ...waiting, tries, ...(last ? {} : { nextTry: next }) })
    return node
  })

async function tryOnce(rebootNode: RebootNode, node: Node, end: AbortSignal): Promise<string | undefined> {
  const patience = new AbortController()
  const stop = () => patience.abort()
  const timer = setTimeout(stop, REBOOT_MS)
  end.addEventListener('abort', stop)
  try {
    await rebootNode(node, patience.signal)
    return undefined
  } catch (error) {
    return (error as Error).message
  } finally {
    clearTimeout(timer)
    end.removeEventListener('abort', stop)
  }
}
