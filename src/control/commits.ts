import type { Logger } from 'pino'
import type { MachineId } from '../core/machine.js'
import type { Store } from '../io/store.js'
import { type Act, act, type Random } from './act.js'

/** Told after every change that was written. */
export type Changed = (what: { machine?: MachineId }) => void

/** The one way in which anything is changed: a transaction whose events are logged and told once it is written. */
export type Commits = {
  commit<T>(work: (act: Act) => Promise<T>, durability?: 'synced'): Promise<T>
  /** Returns what ends it. */
  onChange(listener: Changed): () => void
  /** Resolves when old events are pruned; call it before the store is closed. */
  settled(): Promise<void>
}

export type CommitOptions = {
  store: Store
  log: Logger
  now: () => Date
  random: Random
  eventsKept: number
}

const PRUNE_EVERY = 256 // events
const PRUNE_BATCH = 1_000

export function createCommits({ store, log, now, random, eventsKept }: CommitOptions): Commits {
  const listeners = new Set<Changed>()
  let unpruned = PRUNE_EVERY // the last run may have left more than this one keeps
  let pruning = Promise.resolve()

  const prune = async () => {
    unpruned = 0
    let removed = 0
    do removed = await store.transaction(tx => tx.pruneEvents(eventsKept, PRUNE_BATCH))
    while (removed === PRUNE_BATCH)
  }

  return {
    commit: async (work, durability) => {
      const { result, noted } = await store.transaction(async tx => {
        const one = act(tx, now(), random)
        return { result: await work(one), noted: one.noted }
      }, durability)
      for (const { machine, kind, text } of noted) log.info({ machine, event: kind }, text)
      for (const machine of new Set(noted.map(event => event.machine)))
        for (const listener of listeners) listener({ machine })
      unpruned += noted.length
      if (unpruned >= PRUNE_EVERY)
        pruning = prune().catch(error => log.error({ err: error }, 'old events stay'))
      return result
    },
    onChange: listener => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    settled: () => pruning,
  }
}
