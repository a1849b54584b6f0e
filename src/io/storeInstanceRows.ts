import { defined } from '../core/defined.js'
import type {
  HandOut,
  InstanceId,
  InstanceRecord,
  Phase,
  PoolRole,
  Reservation,
  ReservationId,
  Tags,
  Task,
  Wipe,
} from '../core/instance.js'
import type { MachineId } from '../core/machine.js'
import type { Profile } from '../core/profile.js'

/** Rows of instances, reservations and hand-outs as the database holds them, and the core's values they stand for. */

export type InstanceRow = {
  id: InstanceId
  reservation: ReservationId
  machine: MachineId
  system: string
  group_name: string
  name: string
  user_name: string
  profile: string
  snapshot: string // JSON
  phase: Phase
  since: number
  deadline: number | null
  launched: number
  attempts: number
  percent: number | null
  note: string | null
  reason: string | null
  disk: string
  touched: number
  installed_at: number | null
  address: string | null
  host_name: string | null
  host_keys: string | null // JSON
  wipe: Wipe
  power_off: number
  tries: number
  next_try: number | null
  converge_at: number | null
  turning: number
  misses: number
  pass_steps: number
  role: PoolRole | null
  tags: string // JSON
}

export const INSTANCE_COLUMNS = `i.id, i.reservation, i.machine, m.name AS system, m.group_name, i.name, i.user_name,
  i.profile, i.snapshot, i.phase, i.since, i.deadline, i.launched, i.attempts, i.percent, i.note, i.reason, i.disk,
  i.touched, i.installed_at, i.address, i.host_name, i.host_keys, i.wipe, i.power_off, i.tries, i.next_try,
  i.converge_at, i.turning, i.misses, i.pass_steps,
  CASE WHEN i.phase NOT IN ('converging', 'running') OR p.master IS NULL THEN NULL
    WHEN p.master = i.id THEN 'master' ELSE 'worker' END AS role,
  (SELECT json_group_object(key, value) FROM tags WHERE resource = i.id) AS tags`

export const INSTANCE_TABLES =
  'instances i JOIN machines m ON m.id = i.machine LEFT JOIN pools p ON p.name = m.group_name'

const date = (time: number | null) => (time === null ? null : new Date(time))

export const toInstance = (row: InstanceRow): InstanceRecord => ({
  id: row.id,
  reservation: row.reservation,
  machine: row.machine,
  system: row.system,
  group: row.group_name,
  name: row.name,
  user: row.user_name,
  profile: row.profile,
  snapshot: JSON.parse(row.snapshot) as Profile,
  phase: row.phase,
  since: new Date(row.since),
  launched: new Date(row.launched),
  attempts: row.attempts,
  disk: row.disk,
  touched: row.touched === 1,
  wipe: row.wipe,
  powerOff: row.power_off === 1,
  tries: row.tries,
  turning: row.turning === 1,
  misses: row.misses,
  passSteps: row.pass_steps,
  tags: JSON.parse(row.tags) as Tags,
  ...defined<InstanceRecord>({
    deadline: date(row.deadline),
    percent: row.percent,
    note: row.note,
    reason: row.reason,
    installedAt: date(row.installed_at),
    address: row.address,
    hostName: row.host_name,
    hostKeys: row.host_keys === null ? null : (JSON.parse(row.host_keys) as string[]),
    nextTry: date(row.next_try),
    convergeAt: date(row.converge_at),
    role: row.role,
  }),
})

export type ReservationRow = {
  id: ReservationId
  user_name: string
  made_at: number
  client_token: string | null
}

export const RESERVATION_COLUMNS = 'id, user_name, made_at, client_token'

export const toReservation = (row: ReservationRow): Reservation => ({
  id: row.id,
  user: row.user_name,
  at: new Date(row.made_at),
  ...defined<Reservation>({ clientToken: row.client_token }),
})

export type HandOutRow = {
  hash: string
  instance: InstanceId
  task: Task
  address: string | null
  scout: string | null
  given_at: number
  used: number
  current: number
}

export const HAND_OUT_COLUMNS = 'hash, instance, task, address, scout, given_at, used, current'

export const toHandOut = (row: HandOutRow): HandOut => ({
  hash: row.hash,
  instance: row.instance,
  task: row.task,
  at: new Date(row.given_at),
  used: row.used === 1,
  current: row.current === 1,
  ...defined<HandOut>({ address: row.address, scout: row.scout }),
})
