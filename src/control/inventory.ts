import type { Logger } from 'pino'
import { isOwnMac } from '../core/badValues.js'
import type { Event } from '../core/events.js'
import type { Facts } from '../core/facts.js'
import {
  BOOT_TARGET,
  type BootTarget,
  type Machine,
  type MachineEvent,
  type MachineId,
} from '../core/machine.js'
import { BOOT_DISK, type GivenOrder, type Order } from '../core/order.js'
import type { Refusal } from '../core/refusal.js'
import type { IpxeReport, Sighting } from '../core/sighting.js'
import type { Store } from '../io/store.js'
import { type Act, act, type Random, step } from './act.js'
import { boot, hashOf } from './booting.js'
import type { Job } from './instances.js'
import { type Change, change, finish, give, inapplicable, lookUp, unknown } from './owning.js'
import { recordFacts } from './recording.js'
import { createWaiting, see } from './sightings.js'

/**
 * The answer to iPXE: the machine, what it boots and, for the scout, its token (32 hex digits); for an installer with a
 * kernel of its own, the job that is handed out with this answer.
 */
export type Boot = {
  machine: Machine
  target: BootTarget | 'installer'
  scoutToken?: string
  job?: Job
}

/** Events with `after < id`, oldest first; without `after` the newest `limit` of them, oldest first. */
export type EventQuery = { after?: number; limit: number; machine?: string /* id or name */ }

/**
 * What is known of every machine. Refusals are values; a promise rejects only when the database fails, with a
 * message for the owner.
 */
export interface Inventory {
  /** Never blocks and never fails: kept in memory, written behind within 200 ms. */
  sighted(sighting: Sighting): void
  /** Writes what `sighted` keeps; call it before the store is closed. */
  flush(): Promise<void>
  /** iPXE asks what to boot. Finds or makes the machine; a scout token replaces the machine's older one. */
  booted(report: IpxeReport): Promise<Boot>
  /** The machine that a scout token was made for. */
  scoutOf(token: string): Promise<Machine | undefined>
  /** `machine` comes from {@link scoutOf}; the answer may be another one, when the facts prove it to be. */
  recordFacts(machine: Machine, facts: Facts, address: string): Promise<Machine | Refusal>
  nextOrder(id: MachineId): Promise<Order | undefined>
  /** False when there is no such order left. */
  orderDone(id: MachineId, order: number): Promise<boolean>
  giveOrder(idOrName: string, kind: GivenOrder): Promise<Order | Refusal>
  /** All machines by name, without their facts. */
  list(): Promise<Machine[]>
  /** By id, name or MAC, with facts. */
  find(idOrName: string): Promise<Machine | undefined>
  apply(idOrName: string, event: MachineEvent): Promise<Machine | Refusal>
  change(idOrName: string, change: Change): Promise<Machine | Refusal>
  events(query: EventQuery): Promise<Event[]>
  /** For the status page: how many sightings were dropped. */
  counters(): Record<string, number>
  /** Called after every change that was written; returns what ends it. */
  onChange(listener: (what: { machine?: MachineId }) => void): () => void
}

export type InventoryOptions = {
  store: Store
  log: Logger
  now: () => Date
  random: Random
  eventsKept: number
}

const FLUSH_MS = 200
const FLUSH_BATCH = 128 // in one transaction: a machine that boots waits for the one before it
const PRUNE_EVERY = 256 // events
const PRUNE_BATCH = 1_000

export function createInventory({ store, log, now, random, eventsKept }: InventoryOptions): Inventory {
  const listeners = new Set<(what: { machine?: MachineId }) => void>()
  const waiting = createWaiting()
  let timer: NodeJS.Timeout | undefined
  let unpruned = PRUNE_EVERY // the last run may have left more than this one keeps
  let pruning = Promise.resolve()

  const commit = async <T>(work: (act: Act) => Promise<T>, durability?: 'synced'): Promise<T> => {
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
  }

  const prune = async () => {
    unpruned = 0
    let removed = 0
    do removed = await store.transaction(tx => tx.pruneEvents(eventsKept, PRUNE_BATCH))
    while (removed === PRUNE_BATCH)
  }

  const flush = async () => {
    clearTimeout(timer)
    timer = undefined
    await pruning
    if (waiting.empty()) return
    const { sightings, alive } = waiting.takeAll()
    for (let from = 0; from < sightings.length; from += FLUSH_BATCH)
      await commit(async act => {
        for (const sighting of sightings.slice(from, from + FLUSH_BATCH)) await see(act, sighting)
      })
    if (alive.length > 0)
      await commit(async act => {
        for (const [machine, at] of alive) await act.tx.touch(machine, at)
      })
  }

  const writeBehind = () => {
    timer ??= setTimeout(() => {
      flush().catch(error => log.error({ err: error }, 'sightings were lost'))
    }, FLUSH_MS)
  }

  /** Loads, decides, saves; refuses when there is no such machine. */
  const owned = (idOrName: string, decide: (act: Act, machine: Machine) => Promise<Machine | Refusal>) =>
    commit(async act => {
      const machine = await lookUp(act.tx, idOrName)
      return machine ? decide(act, machine) : unknown(idOrName)
    }, 'synced')

  return {
    sighted: sighting => {
      if (!isOwnMac(sighting.mac)) return
      waiting.add(sighting)
      writeBehind()
    },
    flush,
    counters: () => ({ sightingsDropped: waiting.dropped() }),

    booted: report => {
      const seen = waiting.takeOf(report.mac)
      return commit(async act => {
        for (const sighting of seen) await see(act, sighting)
        return boot(act, report)
      })
    },

    scoutOf: token => store.byToken(hashOf(token)),

    recordFacts: ({ id }, facts, address) =>
      commit(async act => {
        const own = await act.tx.find(id)
        return own ? recordFacts(act, own, facts, address) : unknown(id)
      }),

    nextOrder: async id => {
      const machine = await store.brief(id)
      if (!machine) return undefined
      waiting.alive(machine.id, now())
      writeBehind()
      const order = await store.openOrder(machine.id)
      return order ?? (BOOT_TARGET[machine.state] === 'disk' ? BOOT_DISK : undefined)
    },

    orderDone: (id, order) =>
      commit(async act => {
        const machine = await act.tx.brief(id)
        return machine ? finish(act, machine, order) : false
      }),

    giveOrder: (idOrName, kind) =>
      commit(async act => {
        const machine = await lookUp(act.tx, idOrName)
        return machine ? give(act, machine, kind) : unknown(idOrName)
      }, 'synced'),

    list: () => store.list(),
    find: idOrName => lookUp(store, idOrName),

    apply: (idOrName, event) =>
      owned(idOrName, async (act, machine) => {
        const moved = await step(act, machine, event)
        if (!moved) return inapplicable(machine, event)
        await act.tx.save(moved)
        return moved
      }),

    change: (idOrName, wanted) => owned(idOrName, (act, machine) => change(act, machine, wanted)),

    events: async ({ after, limit, machine }) => {
      const range = { limit, ...(after === undefined ? {} : { after }) }
      if (machine === undefined) return store.events(range)
      const found = await lookUp(store, machine)
      return found ? store.events({ ...range, machine: found.id }) : []
    },

    onChange: listener => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
