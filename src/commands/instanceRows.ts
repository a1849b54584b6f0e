import type { Stage, Tags } from '../core/instance.js'
import type { InstanceView, ReservationView } from '../core/instanceView.js'
import type { Context } from './command.js'
import { json, type Output, record, table } from './render.js'
import { ago } from './units.js'

/**
 * euca2ools' rows. Its fields keep their places, with what comes next to them on a machine of one's own: the profile
 * is the image, the user is the key, the stage is the product codes, the system is the type and the group is the zone.
 */
export const ROWS = `Text output, tab-separated:
RESERVATION id user groups
INSTANCE id profile address name state user index stage system launched group system-id percent note deadline attempts reason reservation since installed host-name wipe role converging
BLOCKDEVICE path whether-written
TAG instance id key value
SYSTEM id name group (held by the reservation, with nothing on it)`

export function tellReservations(
  reservations: readonly ReservationView[],
  output: Output,
  { out, now }: Pick<Context, 'out' | 'now'>,
): void {
  if (output === 'json') out(json(reservations))
  else if (output === 'text') for (const line of reservations.flatMap(textOf)) out(line)
  else out(tableOf(reservations, now))
}

function textOf(reservation: ReservationView): string[] {
  const { id, user, instances } = reservation
  const bare = bareSystems(reservation)
  const groups = [...new Set([...instances, ...bare].map(({ group }) => group))].sort()
  return [
    record('RESERVATION', [id, user, groups.join(', ')]),
    ...instances.flatMap((instance, index) => [instanceRow(instance, index), ...partsOf(instance)]),
    ...bare.map(s => record('SYSTEM', [s.id, s.name, s.group])),
  ]
}

export function instanceRow(i: InstanceView, index: number): string {
  const values = [
    ...[i.id, i.profile, i.address, i.name, i.state, i.user, index, i.stage],
    ...[i.system, i.launched, i.group, i.machine],
    ...[i.percent, i.note, i.deadline, i.attempts, i.reason],
    ...[i.reservation, i.since, i.installedAt, i.hostName, i.wipe],
    ...[i.role, i.converging ? 'converging' : ''],
  ]
  const texts = values.map(value => String(value ?? ''))
  return record('INSTANCE', texts)
}

const partsOf = (instance: InstanceView) => [
  record('BLOCKDEVICE', [instance.disk, writtenOf(instance)]),
  ...tagRows('instance', instance.id, instance.tags),
]

/** Whether the disk was touched already: the owner may still be in time to say no. */
export function writtenOf({ touched, installedAt, stage, state }: InstanceView): string {
  if (!touched) return installedAt ? 'wiped' : state === 'pending' ? 'not written yet' : 'not written'
  if (installedAt) return 'written'
  return stage === 'installing' ? 'being written' : 'perhaps written'
}

export const tagRows = (kind: string, id: string, tags: Tags) =>
  Object.entries(tags).map(([key, value]) => record('TAG', [kind, id, key, value]))

/** What a reservation holds and nothing is installed on. */
function bareSystems({ instances, systems }: ReservationView) {
  const used = new Set(instances.filter(i => i.state !== 'terminated').map(i => i.machine))
  return systems.filter(system => !used.has(system.id))
}

const HEAD = ['id', 'name', 'system', 'group', 'profile', 'state', 'address', 'user', 'launched', 'note']

const tableOf = (reservations: readonly ReservationView[], now: Date) =>
  table(
    HEAD,
    reservations.flatMap(reservation => [
      ...reservation.instances.map(instance => cellsOf(instance, now)),
      ...bareSystems(reservation).map(s => ['', '', s.name, s.group, '', 'held', '', reservation.user]),
    ]),
  )

const cellsOf = (i: InstanceView, now: Date) => [
  ...[i.id, i.name, i.system, i.group, i.profile, stateOf(i), i.address ?? '', i.user],
  ...[ago(i.launched, now), doingOf(i)],
]

/** Why it failed, or what it does or waits for now: what its installer did last stays in the API's answer. */
export const doingOf = ({ reason, state, stage, note = '' }: InstanceView): string =>
  reason ?? (state === 'running' || (stage && TELLING.includes(stage)) ? note : '')

/** In the others a note is of the one before. */
const TELLING: readonly Stage[] = ['reserved', 'installing', 'converging']

/** `running`, `running: impaired`, `pending: installing 42 %`. */
export function stateOf({ state, stage, percent, reason, converging }: InstanceView): string {
  if (stage)
    return `${state}: ${stage}${stage === 'installing' && percent !== undefined ? ` ${percent} %` : ''}`
  const how = state !== 'running' ? undefined : reason !== undefined ? 'impaired' : converging && 'converging'
  return how ? `${state}: ${how}` : state
}

/** The rows of euca-terminate-instances and its like: what was, and what is. */
export const changeRow = (after: InstanceView, before: string | undefined) =>
  record('INSTANCE', [after.id, before ?? '', after.state, after.name, after.system, after.user])
