import { keysOf } from '../core/identity.js'
import type { Machine } from '../core/machine.js'
import type { GivenOrder } from '../core/order.js'
import type { Query, Value } from './sqlite.js'
import type { Writes } from './store.js'
import { instanceWrites } from './storeInstanceWrites.js'
import { nodeWrites } from './storeNodes.js'
import { reads } from './storeReads.js'

const SAVED = {
  name: m => m.name,
  group_name: m => m.group,
  state: m => m.state,
  local_boot: m => m.localBoot,
  address: m => m.address ?? null,
  firmware: m => m.firmware ?? null,
  arch: m => m.arch ?? null,
  vendor: m => m.vendor ?? null,
  product: m => m.product ?? null,
  serial: m => m.serial ?? null,
  board_serial: m => m.boardSerial ?? null,
  chassis_serial: m => m.chassisSerial ?? null,
  uuid: m => m.uuid ?? null,
  cores: m => m.cores ?? null,
  memory: m => m.memory ?? null,
  disks: m => (m.disks ? JSON.stringify(m.disks) : null),
  profile: m => m.profile ?? null,
  rests: m => Number(m.rests ?? false),
  first_seen: m => m.firstSeen.getTime(),
  last_seen: m => m.lastSeen.getTime(),
} satisfies Record<string, (machine: Machine) => Value>

const COLUMNS = Object.keys(SAVED)
const valuesOf = (machine: Machine): Value[] => Object.values(SAVED).map(value => value(machine))

const INSERT = `INSERT INTO machines (${COLUMNS.join(', ')}, id) VALUES (${COLUMNS.map(() => '?').join(', ')}, ?)`
const UPDATE = `UPDATE machines SET ${COLUMNS.map(column => `${column} = ?`).join(', ')} WHERE id = ?`

export function writes(query: Query): Writes {
  const saveKeys = async (machine: Machine) => {
    const keys = JSON.stringify(keysOf(machine))
    await query.run(
      'DELETE FROM machine_keys WHERE machine = ?1 AND key NOT IN (SELECT value FROM json_each(?2))',
      machine.id,
      keys,
    )
    await query.run(
      `INSERT INTO machine_keys (key, machine, position) SELECT value, ?1, key FROM json_each(?2) WHERE true
       ON CONFLICT DO UPDATE SET position = excluded.position WHERE position <> excluded.position`,
      machine.id,
      keys,
    )
  }

  return {
    ...reads(query),
    ...instanceWrites(query),
    ...nodeWrites(query),

    insert: async machine => {
      await query.run(INSERT, ...valuesOf(machine), machine.id)
      await saveKeys(machine)
    },

    save: async machine => {
      await query.run(UPDATE, ...valuesOf(machine), machine.id)
      await saveKeys(machine)
    },

    saveFacts: async (id, facts) => {
      await query.run(
        'INSERT INTO facts (machine, body) VALUES (?, ?) ON CONFLICT DO UPDATE SET body = excluded.body',
        id,
        JSON.stringify(facts),
      )
    },

    touch: async (id, at) => {
      await query.run('UPDATE machines SET last_seen = max(last_seen, ?) WHERE id = ?', at.getTime(), id)
    },

    setToken: async (id, hash) => {
      await query.run('UPDATE machines SET token_hash = ? WHERE id = ?', hash, id)
    },

    tokenOf: async id => {
      const [row] = await query.all<{ hash: string | null }>(
        'SELECT token_hash AS hash FROM machines WHERE id = ?',
        id,
      )
      return row?.hash ?? undefined
    },

    fold: async (from, into) => {
      for (const table of ['events', 'orders', 'aliases', 'holds', 'instances'])
        await query.run(`UPDATE ${table} SET machine = ? WHERE machine = ?`, into, from)
      await query.run('UPDATE OR IGNORE tags SET resource = ? WHERE resource = ?', into, from)
      await query.run('DELETE FROM tags WHERE resource = ?', from)
      await query.run('DELETE FROM machines WHERE id = ?', from)
      await query.run('INSERT INTO aliases (id, machine) VALUES (?, ?)', from, into)
    },

    forgetObserved: async count => {
      const { changes } = await query.run(
        `DELETE FROM machines WHERE id IN
           (SELECT id FROM machines WHERE state = 'seen' AND profile IS NULL
             AND NOT EXISTS (SELECT 1 FROM holds WHERE machine = machines.id)
             AND NOT EXISTS (SELECT 1 FROM instances WHERE machine = machines.id)
             AND NOT EXISTS (SELECT 1 FROM tags WHERE resource = machines.id)
           ORDER BY last_seen LIMIT ?)`,
        count,
      )
      return changes
    },

    addEvent: async ({ at, machine, kind, text, data }) => {
      const { lastId } = await query.run(
        'INSERT INTO events (at, machine, kind, text, data) VALUES (?, ?, ?, ?, ?)',
        at.getTime(),
        machine ?? null,
        kind,
        text,
        data === undefined ? null : JSON.stringify(data),
      )
      return lastId
    },

    addOrder: async (machine, kind, at) => {
      const { lastId } = await query.run(
        'INSERT INTO orders (machine, kind, given_at) VALUES (?, ?, ?)',
        machine,
        kind,
        at.getTime(),
      )
      return lastId
    },

    closeOrder: async (machine, order, at) => {
      const [closed] = await query.all<{ kind: GivenOrder }>(
        'UPDATE orders SET done_at = ? WHERE id = ? AND machine = ? AND done_at IS NULL RETURNING kind',
        at.getTime(),
        order,
        machine,
      )
      return closed?.kind
    },

    pruneEvents: async (kept, batch) => {
      const { changes } = await query.run(
        `DELETE FROM events WHERE id IN
           (SELECT id FROM events WHERE id <= (SELECT max(id) FROM events) - ?1 ORDER BY id LIMIT ?2)`,
        kept,
        batch,
      )
      return changes
    },
  }
}
