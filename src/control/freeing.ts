import type { InstanceRecord } from '../core/instance.js'
import type { Act } from './act.js'
import { type LifeRules, move } from './phases.js'

/** The machine is back: its instance is terminated, and nobody holds it any more. */
export async function free(
  act: Act,
  rules: LifeRules,
  instance: InstanceRecord,
  why: string,
): Promise<InstanceRecord | undefined> {
  const { nextTry: _, reason: __, ...kept } = instance
  const freed = await move(act, rules, kept, { event: 'freed', why })
  if (!freed) return undefined
  await act.tx.releaseHold(instance.machine)
  if (instance.powerOff && !(await act.tx.openOrder(instance.machine, 'power-off'))) {
    const order = await act.tx.addOrder(instance.machine, 'power-off', act.at)
    await act.note(instance.machine, 'order', `power-off (order ${order}): its instance was terminated`, {
      order,
    })
  }
  return freed
}
