import type { ReservationView, ReserveRequest } from '../core/instanceView.js'
import type { MachineId } from '../core/machine.js'
import { whyNotUser } from '../core/naming.js'
import { isRefusal, type Refusal, refuse } from '../core/refusal.js'
import type { Act } from './act.js'
import { allocate, readWish } from './allocating.js'
import { reservationView, reservationViews } from './instanceViews.js'
import { lookUp, unknown } from './owning.js'
import { heldBy, newReservation } from './running.js'

/** Takes machines, for instances to come. */
export async function reserve(act: Act, request: ReserveRequest): Promise<ReservationView | Refusal> {
  const invalid = whyNotUser(request.user)
  if (invalid) return refuse('invalid', invalid)
  const wish = readWish(request, 'reserve')
  if (isRefusal(wish)) return wish
  const machines = await allocate(act, wish)
  if (isRefusal(machines)) return machines
  const reservation = newReservation(act, request.user, undefined)
  await act.tx.addReservation(reservation)
  for (const { id } of machines) {
    await act.tx.hold(id, reservation.id)
    const { user } = reservation
    await act.note(id, 'held', `reserved for ${user} (${reservation.id})`, {
      reservation: reservation.id,
      user,
    })
  }
  return reservationView(
    reservation,
    [],
    machines.map(machine => heldBy(machine, reservation)),
  )
}

export type Release = { readonly systems?: readonly string[]; readonly user?: string }

/** Gives machines back that carry no instance. */
export async function release(act: Act, { systems, user }: Release): Promise<ReservationView[] | Refusal> {
  const held = (await act.tx.held()).filter(machine => user === undefined || machine.user === user)
  const idle: typeof held = []
  const busy = new Set<MachineId>()
  for (const machine of held)
    if (await act.tx.liveInstance(machine.machine)) busy.add(machine.machine)
    else idle.push(machine)
  let freed = idle
  if (systems) {
    const wanted: MachineId[] = []
    for (const system of systems) {
      const machine = await lookUp(act.tx, system)
      if (!machine) return unknown(system)
      if (busy.has(machine.id))
        return refuse('conflict', `${machine.name} carries an instance: terminate-instances frees it`)
      if (!idle.some(one => one.machine === machine.id))
        return refuse(
          'conflict',
          `${machine.name} is not reserved${user === undefined ? '' : ` for ${user}`}`,
        )
      wanted.push(machine.id)
    }
    freed = idle.filter(({ machine }) => wanted.includes(machine))
  } else if (user === undefined) return refuse('invalid', 'say which systems, or whose')
  for (const { machine, user, reservation } of freed) {
    await act.tx.releaseHold(machine)
    await act.note(machine, 'held', `released by ${user} (${reservation})`, { reservation, user })
  }
  return reservationViews(act.tx, [], freed)
}
