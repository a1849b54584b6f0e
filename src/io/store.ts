import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Event } from '../core/events.js'
import type { Facts } from '../core/facts.js'
import type { Machine, MachineId } from '../core/machine.js'
import type { GivenOrder, Order } from '../core/order.js'
import { migrate } from './migrations.js'
import { type Durability, openDatabase } from './sqlite.js'
import type { InstanceReads } from './storeInstanceReads.js'
import type { InstanceWrites } from './storeInstanceWrites.js'
import type { NodeReads, NodeWrites } from './storeNodes.js'
import { reads } from './storeReads.js'
import { writes } from './storeWrites.js'

/** The questions that the database answers. Each sees what was committed before it was asked. */
export type Reads = InstanceReads &
  NodeReads & {
    /** All machines by name, without facts, in one query. */
    list(): Promise<Machine[]>
    count(): Promise<number>
    /** By id, former id or name; with facts. */
    find(idOrName: string): Promise<Machine | undefined>
    /** By id or former id, without facts. */
    brief(id: MachineId): Promise<Machine | undefined>
    /** Those that share at least one identity key; best first, at most 64, without facts. */
    sharing(keys: readonly string[]): Promise<Machine[]>
    byToken(hash: string): Promise<Machine | undefined>
    events(query: { after?: number; limit: number; machine?: MachineId }): Promise<Event[]>
    /** The oldest order that is not done. */
    openOrder(machine: MachineId, kind?: GivenOrder): Promise<(Order & { kind: GivenOrder }) | undefined>
  }

/** What a transaction can do. */
export type Writes = Reads &
  InstanceWrites &
  NodeWrites & {
    insert(machine: Machine): Promise<void>
    /** Everything but the facts and the token; the identity keys follow the machine. */
    save(machine: Machine): Promise<void>
    saveFacts(id: MachineId, facts: Facts): Promise<void>
    touch(id: MachineId, at: Date): Promise<void>
    setToken(id: MachineId, hash: string | null): Promise<void>
    tokenOf(id: MachineId): Promise<string | undefined>
    /**
     * Moves everything but the facts; `from` becomes a former id of `into`. Rejects when both are held or carry an
     * instance: an index says that two become never one.
     */
    fold(from: MachineId, into: MachineId): Promise<void>
    /** Removes the longest unseen of those that were only observed, and that the owner never spoke of. */
    forgetObserved(count: number): Promise<number>
    addEvent(event: Omit<Event, 'id'>): Promise<number>
    addOrder(machine: MachineId, kind: GivenOrder, at: Date): Promise<number>
    /** What it was; undefined when it was done before, or never given. */
    closeOrder(machine: MachineId, order: number, at: Date): Promise<GivenOrder | undefined>
    /** Removes events beyond the newest `kept`, at most `batch` of them; returns how many. */
    pruneEvents(kept: number, batch: number): Promise<number>
  }

export type Store = Reads & {
  /** All or nothing, one at a time. `synced` for what the owner decided and nothing else would restore. */
  transaction<T>(work: (tx: Writes) => Promise<T>, durability?: Durability): Promise<T>
  close(): Promise<void>
}

/** Opens `muster.db` in the state directory, made with mode 0700 if absent. Rejects with a message for the owner. */
export async function openStore(stateDir: string, log: Logger): Promise<Store> {
  const path = join(stateDir, 'muster.db')
  const database = await openDatabase(path)
  try {
    const { from, to } = await migrate(database, path)
    if (from !== to) log.info({ path, from, to }, 'schema brought up to date')
  } catch (error) {
    await database.close()
    throw error
  }
  return {
    ...reads(database.read),
    transaction: (work, durability) => database.transaction(query => work(writes(query)), durability),
    close: () => database.close(),
  }
}
