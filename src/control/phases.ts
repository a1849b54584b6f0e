import { deadlineOf, type StageTimes } from '../core/deadlines.js'
import { isComing, isMember } from '../core/election.js'
import { after, type InstanceEvent, type InstanceRecord } from '../core/instance.js'
import type { Act } from './act.js'
import { type PoolRules, poolChanged, rolesOf } from './pools.js'

/** What the settings say about the life of instances. */
export type LifeRules = PoolRules & {
  readonly attempts: number // hand-outs of the installer, or of the wipe
  readonly deadlines: StageTimes // seconds
  readonly started: Date // when the daemon did
}

export type Move = {
  readonly event: InstanceEvent
  readonly why: string // for people
  readonly change?: Partial<InstanceRecord>
}

/**
 * Moves an instance by its table, and saves it; undefined when the table refuses. Every change of phase is an event, and
 * its pool hears of it.
 */
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
  const changed = changeOf(instance, moved)
  if (changed) await poolChanged(act, rules, instance.group, changed)
  return moved
}

function changeOf(before: InstanceRecord, after: InstanceRecord): 'nodes' | 'hopes' | undefined {
  if (isMember(before) !== isMember(after)) return 'nodes'
  return isComing(before) && !isComing(after) ? 'hopes' : undefined
}

/** Of the phase that it is in, had it begun `at`. */
export function phaseDeadline({ phase, snapshot }: InstanceRecord, at: Date, { deadlines }: LifeRules) {
  const { installer, deadlines: profile } = snapshot
  return deadlineOf(phase, at, { installer, settings: deadlines, profile })
}

/**
 * What an instance carries into a phase; the progress of the one before is gone, unless it ended there. The time of a node
 * begins when it is worked on: there may be no place for it yet.
 */
function beginning(instance: InstanceRecord, at: Date, rules: LifeRules): InstanceRecord {
  const { deadline: _, percent: __, nextTry: ___, convergeAt: next, note, ...rest } = instance
  const kept = { ...rest, ...(note !== undefined && instance.phase === 'failed' && { note }) }
  const deadline = instance.phase === 'converging' ? undefined : phaseDeadline(instance, at, rules)
  const wakes = instance.phase === 'reserved' && { nextTry: at }
  const fresh = { ...kept, tries: 0, since: at, ...wakes, ...(deadline === undefined ? {} : { deadline }) }
  if (instance.phase === 'converging') return { ...fresh, convergeAt: at, misses: 0, passSteps: 0 }
  return instance.phase === 'running' && next ? { ...fresh, convergeAt: next } : fresh
}

/** The system is up and is to be made a node; without roles there is nothing to make, and it runs. */
export async function makeNode(
  act: Act,
  rules: LifeRules,
  instance: InstanceRecord,
  how: Move & { readonly event: 'phoned-home' | 'converge' },
): Promise<InstanceRecord | undefined> {
  const moved = await move(act, rules, instance, how)
  if (moved?.phase !== 'converging' || rolesOf(moved, rules).length > 0) return moved
  const { convergeAt: _, ...made } = moved
  return move(act, rules, made, { event: 'converged', why: 'it has no roles' })
}

/** A word on an instance that stays where it is. */
export const tell = (act: Act, { id, name, machine }: InstanceRecord, text: string) =>
  act.note(machine, 'instance', `${id} (${name}): ${text}`, { instance: id })
