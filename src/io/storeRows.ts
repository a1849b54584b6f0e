import { defined } from '../core/defined.js'
import type { Event, EventKind } from '../core/events.js'
import type { Facts } from '../core/facts.js'
import type { InstanceId, Phase, ReservationId, Tags } from '../core/instance.js'
import type {
  DiskSize,
  Firmware,
  Hold,
  LocalBoot,
  Machine,
  MachineId,
  MachineState,
  Occupant,
} from '../core/machine.js'
import type { Mac } from '../wire/mac.js'

/** Rows as the database holds them, and the core's values that they stand for. */

export type MachineRow = {
  id: MachineId
  name: string
  group_name: string
  state: MachineState
  local_boot: LocalBoot
  address: string | null
  firmware: Firmware | null
  arch: string | null
  vendor: string | null
  product: string | null
  serial: string | null
  board_serial: string | null
  chassis_serial: string | null
  uuid: string | null
  cores: number | null
  memory: number | null
  disks: string | null
  first_seen: number
  last_seen: number
  macs: string // JSON
  profile: string | null
  rests: number
  tags: string // JSON
  reservation: ReservationId | null
  reserved_for: string | null
  instance: InstanceId | null
  phase: Phase | null
  installed_at: number | null
  facts: string | null
}

export const MACHINE_COLUMNS = `m.id, m.name, m.group_name, m.state, m.local_boot, m.address, m.firmware, m.arch,
  m.vendor, m.product, m.serial, m.board_serial, m.chassis_serial, m.uuid, m.cores, m.memory, m.disks,
  m.first_seen, m.last_seen,
  (SELECT json_group_array(substr(key, 5)) FROM
    (SELECT key FROM machine_keys WHERE machine = m.id AND key GLOB 'mac:*' ORDER BY position)) AS macs,
  m.profile, m.rests, (SELECT json_group_object(key, value) FROM tags WHERE resource = m.id) AS tags,
  h.reservation, r.user_name AS reserved_for, i.id AS instance, i.phase, i.installed_at`

/** Whom each is held by, and its instance that lives: at most one of each, by the indices. */
export const MACHINE_TABLES = `machines m
  LEFT JOIN holds h ON h.machine = m.id LEFT JOIN reservations r ON r.id = h.reservation
  LEFT JOIN instances i ON i.machine = m.id AND i.phase <> 'terminated'`

export const toMachine = (row: MachineRow): Machine => ({
  id: row.id,
  name: row.name,
  group: row.group_name,
  state: row.state,
  localBoot: row.local_boot,
  macs: JSON.parse(row.macs) as Mac[],
  ...defined<Machine>({
    address: row.address,
    firmware: row.firmware,
    arch: row.arch,
    vendor: row.vendor,
    product: row.product,
    serial: row.serial,
    boardSerial: row.board_serial,
    chassisSerial: row.chassis_serial,
    uuid: row.uuid,
    cores: row.cores,
    memory: row.memory,
    disks: row.disks === null ? null : (JSON.parse(row.disks) as DiskSize[]),
    profile: row.profile,
    rests: row.rests === 1 ? true : null,
    tags: row.tags === '{}' ? null : (JSON.parse(row.tags) as Tags),
    hold: holdOf(row),
    instance: occupantOf(row),
    facts: row.facts === null ? null : (JSON.parse(row.facts) as Facts),
  }),
  firstSeen: new Date(row.first_seen),
  lastSeen: new Date(row.last_seen),
})

const holdOf = ({ reservation, reserved_for }: MachineRow): Hold | undefined =>
  reservation === null || reserved_for === null ? undefined : { reservation, user: reserved_for }

const occupantOf = ({ instance, phase, installed_at }: MachineRow): Occupant | undefined =>
  instance === null || phase === null ? undefined : { id: instance, phase, installed: installed_at !== null }

export type EventRow = {
  id: number
  at: number
  machine: MachineId | null
  kind: EventKind
  text: string
  data: string | null
}

export const toEvent = (row: EventRow): Event => ({
  id: row.id,
  at: new Date(row.at),
  kind: row.kind,
  text: row.text,
  ...defined<Event>({
    machine: row.machine,
    data: row.data === null ? null : (JSON.parse(row.data) as Record<string, unknown>),
  }),
})
