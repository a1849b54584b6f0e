import type { GivenOrder } from '../core/order.js'
import type { Query } from './sqlite.js'
import type { Reads } from './store.js'
import { instanceReads } from './storeInstanceReads.js'
import { nodeReads } from './storeNodes.js'
import {
  type EventRow,
  MACHINE_COLUMNS,
  MACHINE_TABLES,
  type MachineRow,
  toEvent,
  toMachine,
} from './storeRows.js'

/** More records than this share a key only when somebody makes them up. */
const MOST_SHARING = 64

export function reads(query: Query): Reads {
  const machines = async (rest: string, ...params: (string | number)[]) => {
    const rows = await query.all<MachineRow>(
      `SELECT ${MACHINE_COLUMNS}, NULL AS facts FROM ${MACHINE_TABLES} ${rest}`,
      ...params,
    )
    return rows.map(toMachine)
  }

  return {
    ...instanceReads(query),
    ...nodeReads(query),

    list: () => machines('ORDER BY m.name'),

    count: async () => {
      const [row] = await query.all<{ n: number }>('SELECT count(*) AS n FROM machines')
      return row?.n ?? 0
    },

    find: async idOrName => {
      const [row] = await query.all<MachineRow>(
        `SELECT ${MACHINE_COLUMNS}, f.body AS facts FROM ${MACHINE_TABLES} LEFT JOIN facts f ON f.machine = m.id
         WHERE m.id = (SELECT id FROM machines WHERE id = ?1
           UNION ALL SELECT machine FROM aliases WHERE id = ?1
           UNION ALL SELECT id FROM machines WHERE name = ?1 LIMIT 1)`,
        idOrName,
      )
      return row && toMachine(row)
    },

    brief: async id =>
      (await machines('WHERE m.id IN (?1, (SELECT machine FROM aliases WHERE id = ?1))', id))[0],

    sharing: keys =>
      machines(
        `JOIN (SELECT machine, count(*) AS n FROM machine_keys
           WHERE key IN (SELECT value FROM json_each(?)) GROUP BY machine) k ON k.machine = m.id
         ORDER BY k.n DESC, m.last_seen DESC, m.id LIMIT ${MOST_SHARING}`,
        JSON.stringify(keys),
      ),

    byToken: async hash => (await machines('WHERE m.token_hash = ?', hash))[0],

    events: async ({ after, limit, machine }) => {
      const columns = 'SELECT id, at, machine, kind, text, data FROM events'
      const mine = machine === undefined ? '' : 'AND machine = ?3'
      const params = machine === undefined ? [] : [machine]
      const rows =
        after === undefined
          ? await query.all<EventRow>(
              `${columns} WHERE id > ?1 ${mine} ORDER BY id DESC LIMIT ?2`,
              0,
              limit,
              ...params,
            )
          : await query.all<EventRow>(
              `${columns} WHERE id > ?1 ${mine} ORDER BY id LIMIT ?2`,
              after,
              limit,
              ...params,
            )
      return (after === undefined ? rows.reverse() : rows).map(toEvent)
    },

    openOrder: async (machine, kind) => {
      const [row] = await query.all<{ id: number; kind: GivenOrder }>(
        `SELECT id, kind FROM orders WHERE machine = ?1 AND done_at IS NULL AND kind = coalesce(?2, kind)
         ORDER BY id LIMIT 1`,
        machine,
        kind ?? null,
      )
      return row
    },
  }
}
