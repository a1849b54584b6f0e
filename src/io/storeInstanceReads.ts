import type {
  HandOut,
  InstanceId,
  InstanceRecord,
  Reservation,
  ReservationId,
  Task,
} from '../core/instance.js'
import type { MachineId } from '../core/machine.js'
import type { Query, Value } from './sqlite.js'
import {
  HAND_OUT_COLUMNS,
  type HandOutRow,
  INSTANCE_COLUMNS,
  INSTANCE_TABLES,
  type InstanceRow,
  RESERVATION_COLUMNS,
  type ReservationRow,
  toHandOut,
  toInstance,
  toReservation,
} from './storeInstanceRows.js'

/** A machine that somebody holds. */
export type HeldMachine = {
  readonly machine: MachineId
  readonly name: string
  readonly group: string
  readonly reservation: ReservationId
  readonly user: string
}

export type InstanceReads = {
  instance(id: InstanceId): Promise<InstanceRecord | undefined>
  /** By id, else the live one of that name, else of that machine's name. */
  findInstance(idOrName: string): Promise<InstanceRecord | undefined>
  /** The live one of that name. */
  instanceNamed(name: string): Promise<InstanceRecord | undefined>
  /** The machine's instance that is not terminated. */
  liveInstance(machine: MachineId): Promise<InstanceRecord | undefined>
  /** Those that are not terminated, and those that were since `endedAfter`; oldest first. */
  instances(query: { user?: string; endedAfter?: Date }): Promise<InstanceRecord[]>
  /** Those on machines of a group that are not terminated. */
  instancesIn(group: string): Promise<InstanceRecord[]>
  /** Nodes that nobody works on, and whose next look is not set, or later than this. */
  nodesNotLookedAtBy(at: Date): Promise<InstanceRecord[]>
  instancesOf(reservation: ReservationId): Promise<InstanceRecord[]>
  /** Whose deadline, next try or next look has come. Nodes on protected machines are not looked at. */
  dueInstances(at: Date): Promise<InstanceRecord[]>
  /** The earliest deadline, next try or next look of all. */
  nextDue(): Promise<Date | undefined>
  /** How many that are not terminated carry each value of a tag. */
  liveByTag(key: string): Promise<ReadonlyMap<string, number>>
  userData(id: InstanceId): Promise<Buffer | undefined>
  /** What was logged after a point that an earlier answer told; 0 is the beginning of what is kept. */
  instanceLog(id: InstanceId, after: number): Promise<{ text: string; last: number }>
  reservations(ids: readonly ReservationId[]): Promise<Reservation[]>
  reservationOf(user: string, clientToken: string): Promise<Reservation | undefined>
  /** Machines that are held, by name. */
  held(): Promise<HeldMachine[]>
  handOut(hash: string): Promise<HandOut | undefined>
  /** Whether its machine was ever told of it. */
  wasHandedOut(instance: InstanceId): Promise<boolean>
  /** The one that counts: of `phone`, or of `install` and `wipe`. */
  currentHandOut(instance: InstanceId, task: Task): Promise<HandOut | undefined>
}

export function instanceReads(query: Query): InstanceReads {
  const instances = async (rest: string, ...params: Value[]) => {
    const rows = await query.all<InstanceRow>(
      `SELECT ${INSTANCE_COLUMNS} FROM ${INSTANCE_TABLES} ${rest}`,
      ...params,
    )
    return rows.map(toInstance)
  }
  const LOOKED_AT = `i.turning = 0 AND m.state <> 'protected'`
  const ORDER = 'ORDER BY i.launched, i.reservation, i.name, i.id'

  return {
    instance: async id => (await instances('WHERE i.id = ?', id))[0],

    findInstance: async idOrName =>
      (
        await instances(
          `WHERE i.id = (SELECT id FROM instances WHERE id = ?1
             UNION ALL SELECT id FROM instances WHERE name = ?1 AND phase <> 'terminated'
             UNION ALL SELECT l.id FROM instances l JOIN machines n ON n.id = l.machine
               WHERE n.name = ?1 AND l.phase <> 'terminated' LIMIT 1)`,
          idOrName,
        )
      )[0],

    instanceNamed: async name => (await instances(`WHERE i.name = ? AND i.phase <> 'terminated'`, name))[0],

    liveInstance: async machine =>
      (await instances(`WHERE i.machine = ? AND i.phase <> 'terminated'`, machine))[0],

    instances: ({ user, endedAfter }) =>
      instances(
        `WHERE (i.phase <> 'terminated' OR i.since > ?1) AND i.user_name = coalesce(?2, i.user_name) ${ORDER}`,
        endedAfter?.getTime() ?? Number.MAX_SAFE_INTEGER,
        user ?? null,
      ),

    instancesIn: group => instances(`WHERE m.group_name = ? AND i.phase <> 'terminated' ${ORDER}`, group),

    nodesNotLookedAtBy: at =>
      instances(
        `WHERE i.phase IN ('converging', 'running') AND i.turning = 0 AND (i.converge_at IS NULL OR i.converge_at > ?) ${ORDER}`,
        at.getTime(),
      ),

    instancesOf: reservation => instances(`WHERE i.reservation = ? ${ORDER}`, reservation),

    dueInstances: at =>
      instances(
        `WHERE (i.deadline <= ?1 OR i.next_try <= ?1 OR (i.converge_at <= ?1 AND ${LOOKED_AT})) AND i.phase <> 'terminated' ${ORDER}`,
        at.getTime(),
      ),

    nextDue: async () => {
      const [row] = await query.all<{ due: number | null }>(
        `SELECT min(due) AS due FROM (SELECT min(deadline) AS due FROM instances WHERE deadline IS NOT NULL
           UNION ALL SELECT min(next_try) FROM instances WHERE next_try IS NOT NULL
           UNION ALL SELECT min(i.converge_at) FROM instances i JOIN machines m ON m.id = i.machine
             WHERE i.converge_at IS NOT NULL AND ${LOOKED_AT})`,
      )
      return row?.due == null ? undefined : new Date(row.due)
    },

    liveByTag: async key => {
      const rows = await query.all<{ value: string; n: number }>(
        `SELECT t.value, count(*) AS n FROM instances i CROSS JOIN tags t ON t.resource = i.id AND t.key = ?
         WHERE i.phase <> 'terminated' GROUP BY t.value`,
        key,
      )
      return new Map(rows.map(({ value, n }) => [value, n]))
    },

    userData: async id => {
      const [row] = await query.all<{ body: Buffer | null }>(
        'SELECT user_data AS body FROM instances WHERE id = ?',
        id,
      )
      return row?.body ?? undefined
    },

    instanceLog: async (id, after) => {
      const rows = await query.all<{ id: number; text: string }>(
        'SELECT id, text FROM instance_log WHERE instance = ? AND id > ? ORDER BY id',
        id,
        after,
      )
      return { text: rows.map(row => row.text).join(''), last: rows.at(-1)?.id ?? after }
    },

    reservations: async ids => {
      const rows = await query.all<ReservationRow>(
        `SELECT ${RESERVATION_COLUMNS} FROM reservations WHERE id IN (SELECT value FROM json_each(?))
         ORDER BY made_at, id`,
        JSON.stringify(ids),
      )
      return rows.map(toReservation)
    },

    reservationOf: async (user, clientToken) => {
      const [row] = await query.all<ReservationRow>(
        `SELECT ${RESERVATION_COLUMNS} FROM reservations WHERE user_name = ? AND client_token = ?`,
        user,
        clientToken,
      )
      return row && toReservation(row)
    },

    held: () =>
      query.all<HeldMachine>(
        `SELECT h.machine, m.name, m.group_name AS "group", h.reservation, r.user_name AS user
         FROM holds h JOIN machines m ON m.id = h.machine JOIN reservations r ON r.id = h.reservation ORDER BY m.name`,
      ),

    handOut: async hash => {
      const [row] = await query.all<HandOutRow>(`SELECT ${HAND_OUT_COLUMNS} FROM jobs WHERE hash = ?`, hash)
      return row && toHandOut(row)
    },

    wasHandedOut: async instance =>
      (await query.all('SELECT 1 FROM jobs WHERE instance = ? LIMIT 1', instance)).length > 0,

    currentHandOut: async (instance, task) => {
      const [row] = await query.all<HandOutRow>(
        `SELECT ${HAND_OUT_COLUMNS} FROM jobs
         WHERE instance = ?1 AND current = 1 AND (task = 'phone') = (?2 = 'phone')`,
        instance,
        task,
      )
      return row && toHandOut(row)
    },
  }
}
