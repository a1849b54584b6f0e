import { createHash } from 'node:crypto'
import { isMember } from '../core/election.js'
import type { InstanceId, InstanceRecord } from '../core/instance.js'
import { transcriptOf } from '../core/masked.js'
import type { NodeStep } from '../core/nodeStep.js'
import { pauseAfter } from '../core/pauses.js'
import type { Step } from '../core/role.js'
import type { Act } from './act.js'
import { type LifeRules, move } from './phases.js'

/** What is kept of the steps of a node: each is a row from its beginning on, an event and a part of the log. */

/** Id of the step that only looks: that it went well is told by what follows. */
export const CHECK = 'check'

const OUTPUT_KEPT = 16 * 1024 // characters

const digestOf = ({ script }: Step) => createHash('sha256').update(script).digest('hex')

/** The instance, as long as there is a node to work on. */
export async function nodeOfTurn(act: Act, id: InstanceId): Promise<InstanceRecord | undefined> {
  const instance = await act.tx.instance(id)
  return instance && isMember(instance) ? instance : undefined
}

export type Begun = { readonly row: number; readonly tries: number }

/**
 * Counts a step before it is run. The same one that was done and is due again has failed: then nothing is begun, and what
 * follows a failure is done.
 */
export async function beginStep(
  act: Act,
  rules: LifeRules,
  id: InstanceId,
  step: Step,
): Promise<Begun | undefined> {
  const instance = await nodeOfTurn(act, id)
  if (!instance) return undefined
  const digest = digestOf(step)
  const last = await act.tx.lastNodeStep(id)
  const isSame = last?.step === step.id && last.digest === digest && instance.stepTries > 0
  if (isSame && last.state === 'done') {
    const output = `${last.output}\nIt ended with 0, and is due all the same: ${step.reason}\n`
    await act.tx.endNodeStep(last.id, { state: 'failed', ended: act.at, output })
    await stepFailed(act, rules, instance, step, `it is due all the same: ${step.reason}`)
    return undefined
  }
  const stepTries = isSame || (last?.step === step.id && last.digest === digest) ? instance.stepTries : 0
  const tries = stepTries + 1
  const row = await act.tx.beginNodeStep({
    ...{ instance: id, step: step.id, reason: step.reason, digest, started: act.at, tries },
  })
  await act.tx.saveInstance({ ...instance, stepTries, note: `${step.id}: ${step.reason}` })
  return { row, tries }
}

export type StepEnd = {
  readonly ok: boolean
  readonly how: string // `done`, `exit code 3`, `not done within 60 s`
  readonly output: string
}

/** Keeps how a step ended; whether the node is to be worked on at once. */
export async function endStep(
  act: Act,
  rules: LifeRules,
  id: InstanceId,
  { step, begun, end }: { step: Step; begun: Begun; end: StepEnd },
): Promise<boolean> {
  const output = transcriptOf(end.output, OUTPUT_KEPT)
  const state = end.ok ? 'done' : 'failed'
  await act.tx.endNodeStep(begun.row, { state, ended: act.at, output })
  await act.tx.appendLog(id, logOf(act.at, step, output, end.how))
  const instance = await nodeOfTurn(act, id)
  if (!instance) return false
  const counted = { ...instance, stepTries: begun.tries, misses: 0 }
  if (!end.ok) {
    await stepFailed(act, rules, counted, step, lastLine(output) ?? end.how)
    return false
  }
  await act.tx.saveInstance(counted)
  if (step.id !== CHECK) await tellStep(act, instance, step, 'done', `${step.id}: ${step.reason}`)
  return true
}

const logOf = (at: Date, { id, reason }: Step, output: string, how: string) =>
  `--- ${at.toISOString()} ${id}: ${reason}\n${output}${output === '' || output.endsWith('\n') ? '' : '\n'}--- ${id}: ${how}\n`

const lastLine = (output: string) => output.trimEnd().split('\n').at(-1)?.trim() || undefined

const tellStep = (
  act: Act,
  { id, name, machine }: InstanceRecord,
  { id: step }: Step,
  state: NodeStep['state'],
  text: string,
) => act.note(machine, 'step', `${id} (${name}): ${text}`, { instance: id, step, state })

/** Counted already in `stepTries`. The next try comes after a pause; after the last one the node has failed. */
async function stepFailed(
  act: Act,
  rules: LifeRules,
  instance: InstanceRecord,
  step: Step,
  why: string,
): Promise<void> {
  const { stepTries: tries } = instance
  const tried = `${step.id} failed (${tries} of ${step.tries}): ${why}`
  await tellStep(act, instance, step, 'failed', tried)
  if (tries >= step.tries)
    return converge.failed(act, rules, instance, `step ${step.id} failed ${times(tries)}: ${why}`)
  const convergeAt = new Date(act.at.getTime() + pauseAfter(tries))
  await act.tx.saveInstance({ ...instance, note: tried, convergeAt })
}

const times = (n: number) => (n === 1 ? 'once' : `${n} times`)

const IMPAIRED_PAUSE_MS = 10 * 60_000
const MISSES = 10 // of a running node, until its owner is told

/** How a pass over a node ends. */
export const converge = {
  /** A node that was never whole fails; one that runs goes on running, and is impaired. */
  async failed(act: Act, rules: LifeRules, instance: InstanceRecord, reason: string): Promise<void> {
    const { note: _, ...fresh } = { ...instance, stepTries: 0, misses: 0 }
    if (await move(act, rules, fresh, { event: 'converge-failed', why: reason, change: { reason } })) return
    await impaired(act, fresh, reason)
  },

  /** The node could not be worked on at all: it is tried again, and the first time told. */
  async missed(act: Act, instance: InstanceRecord, why: string): Promise<void> {
    const misses = instance.misses + 1
    const lasting = instance.phase === 'running' && misses >= MISSES
    const pause = lasting ? IMPAIRED_PAUSE_MS : pauseAfter(misses)
    const convergeAt = new Date(act.at.getTime() + pause)
    const missed = { ...instance, misses, convergeAt, note: why }
    if (lasting) return impaired(act, missed, why)
    await act.tx.saveInstance(missed)
    if (misses === 1) await tellNode(act, instance, `${why}; it is tried again`)
  },

  /** Nothing can be done until other nodes are further; their changes wake it, and its time stands still. */
  async waits(act: Act, instance: InstanceRecord, why: string): Promise<void> {
    const { deadline: _, ...waiting } = { ...instance, note: why, stepTries: 0, misses: 0 }
    await act.tx.saveInstance(waiting)
    const { waiting: known } = await act.tx.pool(instance.group) // told when it came to be
    if (why !== instance.note && why !== known) await tellNode(act, instance, why)
  },

  /** It is as its roles want it, and passed its check. */
  async done(
    act: Act,
    rules: LifeRules,
    { note: _, reason, ...instance }: InstanceRecord,
    { steps, driftCheck }: { steps: number; driftCheck: number | undefined },
  ): Promise<void> {
    const next = instance.convergeAt ?? (driftCheck && new Date(act.at.getTime() + driftCheck * 1000))
    const fresh = { ...instance, stepTries: 0, misses: 0, ...(next && { convergeAt: next }) }
    const changed = steps === 0 ? 'nothing was changed' : `after ${steps} ${steps === 1 ? 'step' : 'steps'}`
    const why = `it is as its roles want it, ${changed}`
    await move(act, rules, fresh, { event: 'converged', why })
    if (instance.phase === 'running')
      await tellNode(act, instance, reason === undefined ? why : `${why}, and impaired no more`)
  },
}

async function impaired(act: Act, instance: InstanceRecord, reason: string): Promise<void> {
  const { note: _, ...kept } = instance
  await act.tx.saveInstance({ ...kept, reason })
  if (instance.reason !== reason) await tellNode(act, instance, `it is impaired: ${reason}`)
}

const tellNode = (act: Act, { id, name, machine }: InstanceRecord, text: string) =>
  act.note(machine, 'step', `${id} (${name}): ${text}`, { instance: id })
