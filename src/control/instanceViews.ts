import { type InstanceRecord, type Reservation, STAGES, STATE_OF } from '../core/instance.js'
import type { InstanceView, ReservationView } from '../core/instanceView.js'
import type { NodeStep, StepView } from '../core/nodeStep.js'
import type { Reads } from '../io/store.js'
import type { HeldMachine } from '../io/storeInstanceReads.js'

export function viewOf(instance: InstanceRecord): InstanceView {
  const { snapshot: _, tries: __, nextTry: ___, ...known } = instance
  const { convergeAt, turning, misses: ____, passSteps: _____, ...told } = known
  const { phase, since, deadline, launched, installedAt, ...same } = told
  const stage = STAGES.find(stage => stage === phase)
  return {
    ...same,
    state: STATE_OF[phase],
    since: since.toISOString(),
    launched: launched.toISOString(),
    ...(stage && { stage }),
    ...(phase === 'running' && (turning || same.note !== undefined) && { converging: true }),
    ...(convergeAt && { convergeAt: convergeAt.toISOString() }),
    ...(deadline && { deadline: deadline.toISOString() }),
    ...(installedAt && { installedAt: installedAt.toISOString() }),
  }
}

export const stepView = ({ step, reason, state, tries, output, started, ended }: NodeStep): StepView => ({
  ...{ step, reason, state, tries, output },
  started: started.toISOString(),
  ...(ended && { ended: ended.toISOString() }),
})

export const reservationView = (
  { id, user, at }: Reservation,
  instances: readonly InstanceRecord[],
  held: readonly HeldMachine[],
): ReservationView => ({
  id,
  user,
  at: at.toISOString(),
  instances: instances.filter(instance => instance.reservation === id).map(viewOf),
  systems: held
    .filter(machine => machine.reservation === id)
    .map(({ machine, name, group }) => ({ id: machine, name, group })),
})

/** The reservations that hold a machine or own one of the instances, oldest first. */
export async function reservationViews(
  reads: Reads,
  instances: readonly InstanceRecord[],
  held: readonly HeldMachine[],
): Promise<ReservationView[]> {
  const ids = new Set([...instances, ...held].map(({ reservation }) => reservation))
  const reservations = await reads.reservations([...ids])
  return reservations.map(reservation => reservationView(reservation, instances, held))
}
