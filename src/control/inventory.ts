import type { Event } from '../core/events.js'
import type { Facts } from '../core/facts.js'
import type { BootTarget, LocalBoot, Machine, MachineEvent, MachineId } from '../core/machine.js'
import type { GivenOrder, Order } from '../core/order.js'
import type { Refusal } from '../core/refusal.js'
import type { IpxeReport, Sighting } from '../core/sighting.js'

/** What a scout that netboots is told: its machine, where to boot and, for the scout, its token (32 hex digits). */
export type Boot = { machine: Machine; target: BootTarget; scoutToken?: string }

/** The owner's choices for a machine; what is absent stays. */
export type Change = { group?: string; name?: string; localBoot?: LocalBoot }

/** Events with `after < id`, oldest first; without `after` the newest `limit` of them, oldest first. */
export type EventQuery = { after?: number; limit: number; machine?: string /* id or name */ }

/**
 * What is known of every machine. Refusals are values; a promise rejects only when the database fails, with a
 * message for the owner.
 */
export interface Inventory {
  /** Never blocks and never fails: kept in memory, written behind within 200 ms. */
  sighted(sighting: Sighting): void
  /** Writes what `sighted` keeps. */
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
  /** Called after every change that was written; returns what ends it. */
  onChange(listener: (what: { machine?: MachineId }) => void): () => void
}
