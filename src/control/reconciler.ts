import type { Logger } from 'pino'
import { isMember } from '../core/election.js'
import type { InstanceId, InstanceRecord } from '../core/instance.js'
import type { Store } from '../io/store.js'
import type { Wake } from '../io/wakeOnLan.js'
import { bringBack } from './bringingBack.js'
import type { Commits } from './commits.js'
import type { Converger } from './converging.js'
import { endOverdue } from './overdue.js'
import type { LifeRules } from './phases.js'
import type { RebootNode } from './rebooting.js'
import { savePower } from './savingPower.js'
import { wakeReserved } from './waking.js'

export type ReconcilerOptions = {
  store: Store
  commits: Commits
  rules: LifeRules
  rebootNode: RebootNode
  wake: Wake
  powerOffFreeAfter?: number | undefined // seconds
  converger: Converger
  now: () => Date
  log: Logger
}

/** Does what is due for instances. All that it knows is in the database, so it may be ended at any moment. */
export type Reconciler = {
  /** Does what is due now; reboots, wake-ups, and what is done on nodes, go on after it resolves. */
  pass(): Promise<void>
  /** Resolves when nothing of that is under way. */
  settled(): Promise<void>
  close(): Promise<void>
}

const KEPT_MS = 7 * 24 * 60 * 60_000 // terminated instances
const PRUNE_EVERY_MS = 60 * 60_000
const MOST_TRIES_AT_ONCE = 8

export function createReconciler(options: ReconcilerOptions): Reconciler {
  const { store, commits, rules, rebootNode, wake, converger, powerOffFreeAfter, now, log } = options
  const switchOff =
    powerOffFreeAfter === undefined
      ? async () => {}
      : savePower({ store, commits, now, afterSeconds: powerOffFreeAfter })
  const closing = new AbortController()
  const trying = new Map<InstanceId, Promise<void>>()
  let pruned = Number.NEGATIVE_INFINITY

  /** A machine that is to come is woken, one that is to come back is rebooted. */
  const startTry = ({ id, phase }: InstanceRecord) => {
    if (closing.signal.aborted || trying.has(id) || trying.size >= MOST_TRIES_AT_ONCE) return
    const coming = phase === 'reserved'
    const one = (
      coming ? wakeReserved({ commits, wake }, id) : bringBack({ commits, rebootNode }, id, closing.signal)
    )
      .catch(error =>
        log.error({ err: error, instance: id }, `cannot ${coming ? 'wake' : 'bring back'} its machine`),
      )
      .finally(() => trying.delete(id))
    trying.set(id, one)
  }

  const prune = async (at: number) => {
    if (at - pruned < PRUNE_EVERY_MS) return
    pruned = at
    await store.transaction(tx => tx.pruneInstances(new Date(at - KEPT_MS)))
  }

  const settled = async () => void (await Promise.all([...trying.values(), converger.settled()]))

  return {
    settled,
    pass: async () => {
      const at = now()
      await converger.tidy()
      for (const instance of await store.dueInstances(at)) {
        const { id, deadline, nextTry, convergeAt } = instance
        if (deadline && deadline <= at) await commits.commit(act => endOverdue(act, rules, id), 'synced')
        if (nextTry && nextTry <= at) startTry(instance)
        if (convergeAt && convergeAt <= at && isMember(instance)) converger.start(id)
      }
      await switchOff()
      await prune(at.getTime())
    },
    close: async () => {
      closing.abort()
      await converger.close()
      await settled()
    },
  }
}

const LONGEST_WAIT_MS = 60_000 // somebody may set the clock
const SHORTEST_WAIT_MS = 100 // changes come in swarms
const AGAIN_MS = 1_000 // what is due cannot be done yet

/** Wakes the reconciler when something changed and when something is due. */
export function startReconciler(options: ReconcilerOptions): { close(): Promise<void> } {
  const { store, commits, now, log } = options
  const reconciler = createReconciler(options)
  let timer: NodeJS.Timeout | undefined
  let passing: Promise<void> | undefined
  let changed = false
  let closed = false

  const waitAfter = async () => {
    if (changed) return SHORTEST_WAIT_MS
    const due = await store.nextDue()
    const wait = due ? due.getTime() - now().getTime() : LONGEST_WAIT_MS
    return wait <= 0 ? AGAIN_MS : Math.min(wait + 1, LONGEST_WAIT_MS)
  }

  const sleep = (wait: number) => {
    clearTimeout(timer)
    if (!closed) timer = setTimeout(wake, wait)
  }

  const wake = () => {
    changed = false
    passing = reconciler
      .pass()
      .then(waitAfter)
      .catch(error => {
        log.error({ err: error }, 'what is due for instances waits')
        return LONGEST_WAIT_MS
      })
      .then(wait => {
        passing = undefined
        sleep(wait)
      })
  }

  const unsubscribe = commits.onChange(() => {
    if (!changed && !passing) sleep(SHORTEST_WAIT_MS)
    changed = true
  })
  wake()

  return {
    close: async () => {
      closed = true
      unsubscribe()
      clearTimeout(timer)
      await passing
      await reconciler.close()
    },
  }
}
