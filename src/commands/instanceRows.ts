import type { Tags } from '../core/instance.js'
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
INSTANCE id profile address name state user index stage system launched group system-id percent note deadline attempts reason
BLOCKDEVICE the disk that is written, or will be
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

function instanceRow(i: InstanceView, index: number): string {
  const system = [i.system, i.launched, i.group, i.machine]
  const progress = [i.percent, i.note, i.deadline, i.attempts, i.reason].map(value => String(value ?? ''))
  const start = [i.id, i.profile, i.address ?? '', i.name, i.state, i.user, String(index), i.stage ?? '']
  return record('INSTANCE', [...start, ...system, ...progress])
}

const partsOf = ({ id, disk, tags }: InstanceView) => [
  record('BLOCKDEVICE', [disk]),
  ...tagRows('instance', id, tags),
]

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
  ...[ago(i.launched, now), i.reason ?? i.note ?? ''],
]

/** `running`, `pending: installing 42 %`. */
export const stateOf = ({ state, stage, percent }: InstanceView) =>
  stage
    ? `${state}: ${stage}${stage === 'installing' && percent !== undefined ? ` ${percent} %` : ''}`
    : state

/** The rows of euca-terminate-instances and its like: what was, and what is. */
export const changeRow = (after: InstanceView, before: string | undefined) =>
  record('INSTANCE', [after.id, before ?? '', after.state, after.name, after.system, after.user])
