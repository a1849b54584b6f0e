import { isOverdue } from '../core/deadlines.js'
import type { InstanceId, InstanceRecord, Phase } from '../core/instance.js'
import type { Act } from './act.js'
import { type LifeRules, move, phaseDeadline, tell } from './phases.js'

/** What did not happen in time, and what the owner can do about it. */
const MISSED: Partial<Record<Phase, (instance: InstanceRecord, time: string) => string>> = {
  reserved: (_, time) =>
    `its machine did not come for the installer within ${time}: is it on, and does it boot from the network first?`,
  starting: (_, time) =>
    `the installer was handed out and did not begin within ${time}: look at the machine's screen`,
  installing: ({ note }, time) =>
    `the install did not end within ${time}${note ? `, the last it said was "${note}"` : ''}: see get-console-output`,
  installed: (_, time) =>
    `the new system did not phone home within ${time}: see get-console-output and the machine's screen`,
  converging: ({ note }, time) =>
    `it was not made a node within ${time}${note ? `, the last was: ${note}` : ''}: see describe-instance --steps, and converge it again`,
  'shutting-down': (_, time) => `not back in the scout after ${time}: switch it off and on`,
}

/** An instance whose deadline has passed fails; one that is shutting down is still waited for. */
export async function endOverdue(act: Act, rules: LifeRules, id: InstanceId): Promise<void> {
  const instance = await act.tx.instance(id)
  if (!instance || !isOverdue(instance, act.at, rules.started)) return
  const reason = MISSED[instance.phase]?.(instance, timeOf(instance, rules)) ?? 'its deadline passed'
  if (instance.phase === 'shutting-down') {
    const { deadline: _, ...waiting } = instance
    await act.tx.saveInstance({ ...waiting, reason })
    return tell(act, instance, reason)
  }
  await move(act, rules, instance, { event: 'overdue', why: reason, change: { reason } })
}

/** How long it had, which may have begun later than the phase. */
function timeOf(instance: InstanceRecord, rules: LifeRules): string {
  const end = phaseDeadline(instance, instance.since, rules) ?? instance.since
  const seconds = Math.round((end.getTime() - instance.since.getTime()) / 1000)
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`
}
