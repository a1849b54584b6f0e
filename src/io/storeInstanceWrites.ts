import type {
  HandOut,
  InstanceId,
  InstanceRecord,
  Reservation,
  ReservationId,
  Tags,
} from '../core/instance.js'
import type { MachineId } from '../core/machine.js'
import type { Query, Value } from './sqlite.js'

export type InstanceWrites = {
  addReservation(reservation: Reservation): Promise<void>
  /** Takes the machine over when another reservation holds it: the caller has looked whose. */
  hold(machine: MachineId, reservation: ReservationId): Promise<void>
  releaseHold(machine: MachineId): Promise<void>
  /** Rejects when the machine carries one that is not terminated. */
  addInstance(instance: InstanceRecord, userData?: Buffer): Promise<void>
  /** Everything that changes in an instance's life; tags go by themselves. */
  saveInstance(instance: InstanceRecord): Promise<void>
  /** `resource`: the id of an instance or a machine. */
  setTags(resource: string, tags: Tags): Promise<void>
  removeTags(resource: string, keys: readonly string[]): Promise<number>
  /** Keeps the last 256 KiB. */
  appendLog(id: InstanceId, text: string): Promise<void>
  /** A new token; the one that was current until now is not any more. */
  addHandOut(handOut: HandOut): Promise<void>
  /** The same hand-out under another token: its answer was lost. */
  renewHandOut(hash: string, renewed: string): Promise<void>
  useHandOut(hash: string): Promise<void>
  /** None of the instance's tokens allows anything from here on. */
  endHandOuts(instance: InstanceId): Promise<void>
  /** Removes instances that were terminated before, and reservations that hold nothing and have none. */
  pruneInstances(before: Date): Promise<number>
}

/** Characters of one instance's log. */
const LOG_LIMIT = 256 * 1024

const SAVED = {
  machine: i => i.machine,
  name: i => i.name,
  user_name: i => i.user,
  profile: i => i.profile,
  snapshot: i => JSON.stringify(i.snapshot),
  phase: i => i.phase,
  since: i => i.since.getTime(),
  deadline: i => i.deadline?.getTime() ?? null,
  launched: i => i.launched.getTime(),
  attempts: i => i.attempts,
  percent: i => i.percent ?? null,
  note: i => i.note ?? null,
  reason: i => i.reason ?? null,
  disk: i => i.disk,
  touched: i => Number(i.touched),
  installed_at: i => i.installedAt?.getTime() ?? null,
  address: i => i.address ?? null,
  host_name: i => i.hostName ?? null,
  host_keys: i => (i.hostKeys ? JSON.stringify(i.hostKeys) : null),
  wipe: i => i.wipe,
  power_off: i => Number(i.powerOff),
  tries: i => i.tries,
  next_try: i => i.nextTry?.getTime() ?? null,
  converge_at: i => i.convergeAt?.getTime() ?? null,
  turning: i => Number(i.turning),
  misses: i => i.misses,
  pass_steps: i => i.passSteps,
} satisfies Record<string, (instance: InstanceRecord) => Value>

const COLUMNS = Object.keys(SAVED)
const valuesOf = (instance: InstanceRecord): Value[] => Object.values(SAVED).map(value => value(instance))

const INSERT = `INSERT INTO instances (${COLUMNS.join(', ')}, id, reservation, user_data)
  VALUES (${COLUMNS.map(() => '?').join(', ')}, ?, ?, ?)`
const UPDATE = `UPDATE instances SET ${COLUMNS.map(column => `${column} = ?`).join(', ')} WHERE id = ?`

export function instanceWrites(query: Query): InstanceWrites {
  const run = async (sql: string, ...params: Value[]) => (await query.run(sql, ...params)).changes
  const setTags: InstanceWrites['setTags'] = async (resource, tags) => {
    for (const [key, value] of Object.entries(tags))
      await run(
        `INSERT INTO tags (resource, key, value) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET value = excluded.value`,
        resource,
        key,
        value,
      )
  }

  return {
    setTags,

    addReservation: async ({ id, user, at, clientToken }) => {
      await run(
        'INSERT INTO reservations (id, user_name, made_at, client_token) VALUES (?, ?, ?, ?)',
        id,
        user,
        at.getTime(),
        clientToken ?? null,
      )
    },

    hold: async (machine, reservation) => {
      await run(
        `INSERT INTO holds (machine, reservation) VALUES (?, ?)
         ON CONFLICT DO UPDATE SET reservation = excluded.reservation`,
        machine,
        reservation,
      )
    },

    releaseHold: async machine => void (await run('DELETE FROM holds WHERE machine = ?', machine)),

    addInstance: async (instance, userData) => {
      const { id, reservation, tags } = instance
      await run(INSERT, ...valuesOf(instance), id, reservation, userData ?? null)
      await setTags(id, tags)
    },

    saveInstance: async instance => void (await run(UPDATE, ...valuesOf(instance), instance.id)),

    removeTags: (resource, keys) =>
      run(
        'DELETE FROM tags WHERE resource = ? AND key IN (SELECT value FROM json_each(?))',
        resource,
        JSON.stringify(keys),
      ),

    appendLog: async (id, text) => {
      const kept = text.slice(-LOG_LIMIT)
      await run(
        'INSERT INTO instance_log (instance, text, size) VALUES (?, ?, ?)',
        id,
        kept,
        kept.length + LINE_COST,
      )
      await run(
        `DELETE FROM instance_log WHERE id IN (SELECT id FROM
           (SELECT id, sum(size) OVER (ORDER BY id DESC) AS total FROM instance_log WHERE instance = ?1)
         WHERE total > ?2)`,
        id,
        LOG_LIMIT + LINE_COST,
      )
    },

    addHandOut: async ({ hash, instance, task, address, scout, at, used, current }) => {
      await run(
        `UPDATE jobs SET current = 0 WHERE instance = ?1 AND (task = 'phone') = (?2 = 'phone')`,
        instance,
        task,
      )
      await run(
        `INSERT INTO jobs (hash, instance, task, address, scout, given_at, used, current)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[hash, instance, task, address ?? null, scout ?? null, at.getTime()],
        ...[Number(used), Number(current)],
      )
    },

    renewHandOut: async (hash, renewed) =>
      void (await run('UPDATE jobs SET hash = ? WHERE hash = ?', renewed, hash)),

    useHandOut: async hash => void (await run('UPDATE jobs SET used = 1 WHERE hash = ?', hash)),

    endHandOuts: async instance =>
      void (await run('UPDATE jobs SET current = 0 WHERE instance = ?', instance)),

    pruneInstances: async before => {
      const ended = `phase = 'terminated' AND since < ?`
      await run(
        `DELETE FROM tags WHERE resource IN (SELECT id FROM instances WHERE ${ended})`,
        before.getTime(),
      )
      const pruned = await run(`DELETE FROM instances WHERE ${ended}`, before.getTime())
      await run(
        `DELETE FROM reservations WHERE made_at < ? AND id NOT IN (SELECT reservation FROM holds)
           AND id NOT IN (SELECT reservation FROM instances)`,
        before.getTime(),
      )
      return pruned
    },
  }
}

/** What a row costs beside its text, so that a log of single characters is bounded too. */
const LINE_COST = 32
