import { isMember } from '../core/election.js'
import type { InstanceId, InstanceRecord } from '../core/instance.js'
import { CHECK } from '../core/nodeStep.js'
import { IMPAIRED_S, pauseAfter, UNREACHED_S, WAITING_S } from '../core/pauses.js'
import type { Act } from './act.js'
import { type LifeRules, move } from './phases.js'

/**
 * How a pass over a node ends: it is as wanted, has failed, waits, or could not be worked on. However it ends, the next
 * look is set, so that no node is ever forgotten; what was asked for meanwhile comes before that.
 */

/** What passes go by. */
export type PassRules = {
  readonly rules: LifeRules
  readonly every: number // seconds, from one look at a node that runs to the next
}

const MISSES = 10 // of a running node, until its owner is told

export const secondsFrom = (at: Date, seconds: number) => new Date(at.getTime() + seconds * 1000)

/** The instance, as long as there is a node to work on. */
export async function nodeOfTurn(act: Act, id: InstanceId): Promise<InstanceRecord | undefined> {
  const instance = await act.tx.instance(id)
  return instance && isMember(instance) ? instance : undefined
}

export const passEnds = {
  /** A node that was never whole fails; one that runs goes on running, and is impaired. */
  async failed(act: Act, by: PassRules, instance: InstanceRecord, reason: string): Promise<void> {
    const { note: _, ...fresh } = { ...instance, passSteps: 0, misses: 0 }
    const change = { reason }
    if (await move(act, by.rules, fresh, { event: 'converge-failed', why: reason, change })) return
    const convergeAt = instance.convergeAt ?? secondsFrom(act.at, Math.min(by.every, IMPAIRED_S))
    await impaired(act, { ...fresh, convergeAt }, reason)
  },

  /** The node could not be worked on at all: it is tried again, and the first time told. */
  async missed(act: Act, instance: InstanceRecord, why: string): Promise<void> {
    const misses = instance.misses + 1
    const lasting = instance.phase === 'running' && misses >= MISSES
    const convergeAt = secondsFrom(act.at, lasting ? UNREACHED_S : pauseAfter(misses))
    const missed = { ...instance, misses, convergeAt, note: why }
    if (lasting) return impaired(act, missed, why)
    await act.tx.saveInstance(missed)
    if (misses === 1) await tellNode(act, instance, `${why}; it is tried again`)
  },

  /**
   * Nothing can be done yet, and its time stands still. A pool that waits wakes its nodes; what else is waited for may come
   * to be on the node itself.
   */
  async waits(act: Act, by: PassRules, instance: InstanceRecord, why: string): Promise<void> {
    const { waiting: known } = await act.tx.pool(instance.group) // told when it came to be
    const note = known ?? why
    const convergeAt = instance.convergeAt ?? secondsFrom(act.at, known === undefined ? WAITING_S : by.every)
    const { deadline: _, ...waiting } = { ...instance, note, convergeAt, passSteps: 0, misses: 0 }
    await act.tx.saveInstance(waiting)
    if (known === undefined && why !== instance.note) await tellNode(act, instance, why)
  },

  /** It is as its roles want it, and passed its check. */
  async done(act: Act, by: PassRules, { note: _, reason, ...instance }: InstanceRecord): Promise<void> {
    const pass = await act.tx.stepsOfPass(instance.id, instance.passSteps)
    const steps = pass.filter(({ step, state }) => step !== CHECK && state === 'done').length
    const changed = steps === 0 ? 'nothing was changed' : `after ${steps} ${steps === 1 ? 'step' : 'steps'}`
    const why = `it is as its roles want it, ${changed}`
    const convergeAt = instance.convergeAt ?? secondsFrom(act.at, by.every)
    await move(
      act,
      by.rules,
      { ...instance, passSteps: 0, misses: 0, convergeAt },
      { event: 'converged', why },
    )
    if (instance.phase === 'running')
      await tellNode(act, instance, reason === undefined ? why : `${why}, and impaired no more`)
  },
}

async function impaired(act: Act, instance: InstanceRecord, reason: string): Promise<void> {
  const { note: _, ...kept } = instance
  await act.tx.saveInstance({ ...kept, reason })
  if (instance.reason !== reason) await tellNode(act, instance, `it is impaired: ${reason}`)
}

export const tellNode = (act: Act, { id, name, machine }: InstanceRecord, text: string) =>
  act.note(machine, 'step', `${id} (${name}): ${text}`, { instance: id })
