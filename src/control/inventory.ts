import type { Logger } from 'pino'
import { isOwnMac } from '../core/badValues.js'
import { destinationOf } from '../core/destination.js'
import type { Event } from '../core/events.js'
import type { Facts } from '../core/facts.js'
import type { Machine, MachineEvent, MachineId } from '../core/machine.js'
import { BOOT_DISK, type GivenOrder, type Order } from '../core/order.js'
import { type Refusal, refuse } from '../core/refusal.js'
import type { IpxeReport, Sighting } from '../core/sighting.js'
import type { Store } from '../io/store.js'
import type { Wake } from '../io/wakeOnLan.js'
import type { Act } from './act.js'
import { boot } from './booting.js'
import type { Changed, Commits } from './commits.js'
import { orderFor } from './handingOut.js'
import type { Job } from './instances.js'
import { apply, type Change, change, finish, give, lookUp, unknown } from './owning.js'
import type { LifeRules } from './phases.js'
import { recordFacts } from './recording.js'
import { createWaiting, see } from './sightings.js'
import { hashOf } from './tokens.js'
import { wakeSystems } from './waking.js'

/**
 * The answer to iPXE: the machine and what it boots. A scout gets its token (32 hex digits), an installer with a kernel
 * of its own the job that is handed out with this answer.
 */
export type Boot = { machine: Machine } & (
  | { target: 'scout'; scoutToken: string }
  | { target: 'disk'; scoutToken?: never }
  | { target: 'installer'; scoutToken?: never; job: Job }
)

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
  /** For the scout that holds this token. An order to install or to wipe is handed out by being answered. */
  nextOrder(id: MachineId, scoutToken: string): Promise<Order | undefined>
  /** False when there is no such order left. */
  orderDone(id: MachineId, order: number): Promise<boolean>
  giveOrder(idOrName: string, kind: GivenOrder): Promise<Order | Refusal>
  /** All machines by name, without their facts. */
  list(): Promise<Machine[]>
  /** By id, name or MAC, with facts. */
  find(idOrName: string): Promise<Machine | undefined>
  apply(idOrName: string, event: MachineEvent): Promise<Machine | Refusal>
  /** By Wake-on-LAN; all or none. */
  wake(idsOrNames: readonly string[]): Promise<Machine[] | Refusal>
  change(idOrName: string, change: Change): Promise<Machine | Refusal>
  events(query: EventQuery): Promise<Event[]>
  /** For the status page: how many sightings were dropped. */
  counters(): Record<string, number>
  /** Called after every change that was written; returns what ends it. */
  onChange(listener: Changed): () => void
}

export type InventoryOptions = {
  store: Store
  commits: Commits
  rules: LifeRules
  /** Whether there is a profile of that name. */
  isProfile: (name: string) => Promise<boolean>
  wake: Wake
  /** Told whenever a scout with facts asks for orders; `idle`: there is nothing for it to do. */
  asked: (machine: MachineId, idle: boolean) => void
  log: Logger
  now: () => Date
}

const FLUSH_MS = 200
const FLUSH_BATCH = 128 // in one transaction: a machine that boots waits for the one before it

export function createInventory(options: InventoryOptions): Inventory {
  const { store, commits, rules, isProfile, wake, asked, log, now } = options
  const { commit } = commits
  const waiting = createWaiting()
  let timer: NodeJS.Timeout | undefined

  const flush = async () => {
    clearTimeout(timer)
    timer = undefined
    await commits.settled()
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
        return boot(act, rules, report)
      })
    },

    scoutOf: token => store.byToken(hashOf(token)),

    recordFacts: ({ id }, facts, address) =>
      commit(async act => {
        const own = await act.tx.find(id)
        return own ? recordFacts(act, own, facts, address) : unknown(id)
      }),

    nextOrder: async (id, scoutToken) => {
      const machine = await store.brief(id)
      if (!machine) return undefined
      waiting.alive(machine.id, now())
      writeBehind()
      const order = (await store.openOrder(machine.id)) ?? withoutInstance(machine)
      asked(machine.id, !order && !machine.instance)
      if (order || !machine.instance) return order
      return waits(machine)
        ? undefined
        : commit(act => orderFor(act, rules, machine.id, scoutToken), 'synced')
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

    apply: (idOrName, event) => owned(idOrName, (act, machine) => apply(act, machine, event)),

    wake: idsOrNames => wakeSystems({ commits, wake }, idsOrNames),

    change: async (idOrName, wanted) =>
      wanted.profile && !(await isProfile(wanted.profile))
        ? refuse('not-found', `there is no profile ${wanted.profile}: describe-profiles lists them`)
        : owned(idOrName, (act, machine) => change(act, rules, machine, wanted)),

    events: async ({ after, limit, machine }) => {
      const range = { limit, ...(after === undefined ? {} : { after }) }
      if (machine === undefined) return store.events(range)
      const found = await lookUp(store, machine)
      return found ? store.events({ ...range, machine: found.id }) : []
    },

    onChange: commits.onChange,
  }
}

const withoutInstance = (machine: Machine) =>
  !machine.instance && destinationOf(machine, undefined) === 'disk' ? BOOT_DISK : undefined

/** Looked at without a transaction: nothing will come of it until its instance changes. */
const waits = ({ instance }: Machine) => instance?.phase === 'failed' && !instance.installed
