import { deadlineOf, type StageTimes } from '../core/deadlines.js'
import { after, type InstanceEvent, type InstanceRecord } from '../core/instance.js'
import type { Act } from './act.js'

/** What the settings say about the life of instances. */
export type LifeRules = {
  readonly attempts: number // hand-outs of the installer, or of the wipe
  readonly deadlines: StageTimes // seconds
  readonly started: Date // when the daemon did
}

export type Move = {
  readonly event: InstanceEvent
  readonly why: string // for people
  readonly change?: Partial<InstanceRecord>
}

/** Moves an instance by its table, and saves it; undefined when the table refuses. Every change of phase is an event. */
export async function move(
  act: Act,
  rules: LifeRules,
  instance: InstanceRecord,
  { event, why, change = {} }: Move,
): Promise<InstanceRecord | undefined> {
  const phase = after(instance.phase, event)
  if (phase === undefined) return undefined
  const begins = phase !== instance.phase || event === 'install-given'
  const kept = begins ? beginning({ ...instance, phase }, act.at, rules) : instance
  const moved = { ...kept, ...change }
  await act.tx.saveInstance(moved)
  if (begins) {
    const { id, name } = instance
    const data = { instance: id, from: instance.phase, to: phase, event, why }
    await act.note(
      instance.machine,
      'instance',
      `${id} (${name}): ${instance.phase} -> ${phase}: ${why}`,
      data,
    )
  }
  return moved
}

/** What an instance carries into a phase; the progress of the one before is gone, unless it ended there. */
function beginning(instance: InstanceRecord, at: Date, { deadlines }: LifeRules): InstanceRecord {
  const { deadline: _, percent: __, nextTry: ___, note, ...rest } = instance
  const kept = { ...rest, ...(note !== undefined && instance.phase === 'failed' && { note }) }
  const { installer, deadlines: own } = instance.snapshot
  const deadline = deadlineOf(instance.phase, at, { installer, settings: deadlines, profile: own })
  const wakes = instance.phase === 'reserved' && { nextTry: at }
  return { ...kept, tries: 0, since: at, ...wakes, ...(deadline === undefined ? {} : { deadline }) }
}

/** A word on an instance that stays where it is. */
export const tell = (act: Act, { id, name, machine }: InstanceRecord, text: string) =>
  act.note(machine, 'instance', `${id} (${name}): ${text}`, { instance: id })
