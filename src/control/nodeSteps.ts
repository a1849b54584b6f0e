import { createHash } from 'node:crypto'
import type { InstanceId, InstanceRecord } from '../core/instance.js'
import { transcriptOf } from '../core/masked.js'
import { CHECK, type NodeStep } from '../core/nodeStep.js'
import { pauseAfter } from '../core/pauses.js'
import type { Step } from '../core/role.js'
import type { EndedStep } from '../io/storeNodes.js'
import type { Act } from './act.js'
import { nodeOfTurn, type PassRules, passEnds, secondsFrom } from './passEnds.js'

/** What is kept of the steps of a node: each is a row from its beginning on, an event and a part of the log. */

const OUTPUT_KEPT = 16 * 1024 // characters
/** Of one pass, and as many as are kept: a node takes some 20, and those that undo each other would never end. */
const MOST_STEPS = 100

const digestOf = ({ script }: Step) => createHash('sha256').update(script).digest('hex')

export type Begun = { readonly row: number; readonly tries: number }

/**
 * Counts a step before it is run. The same one that was done and is due again has failed: then nothing is begun, and what
 * follows a failure is done.
 */
export async function beginStep(
  act: Act,
  by: PassRules,
  id: InstanceId,
  step: Step,
): Promise<Begun | undefined> {
  const instance = await nodeOfTurn(act, id)
  if (!instance) return undefined
  const digest = digestOf(step)
  const last = instance.passSteps > 0 ? await act.tx.lastNodeStep(id) : undefined
  if (last?.step === step.id && last.digest === digest && last.state === 'done') {
    const why = `it is due all the same: ${step.reason}`
    const output = `${last.output}\nIt ended with 0, and is due all the same: ${step.reason}\n`
    await act.tx.endNodeStep(last.id, { state: 'failed', ended: act.at, output })
    await stepFailed(act, by, instance, { step, tries: last.tries, why })
    return undefined
  }
  const pass = await act.tx.stepsOfPass(id, instance.passSteps)
  if (pass.length >= MOST_STEPS && step.id !== CHECK) {
    await passEnds.failed(act, by, instance, endless(pass))
    return undefined
  }
  const before = pass.find(one => one.step === step.id)
  const tries = (before?.state === 'failed' ? before.tries : 0) + 1
  const row = await act.tx.beginNodeStep({
    ...{ instance: id, step: step.id, reason: step.reason, digest, started: act.at, tries },
  })
  await act.tx.saveInstance({ ...instance, note: `${step.id}: ${step.reason}` })
  return { row, tries }
}

/** Who it was is told by the last ones. */
function endless(pass: readonly EndedStep[]): string {
  const names = [...new Set(pass.slice(0, 10).map(({ step }) => step))].sort()
  const what = names.length > 1 ? 'undo each other' : 'is due again and again'
  return `after ${pass.length} steps it is still not as wanted: ${names.join(', ')} ${what}`
}

export type StepEnd = {
  readonly ok: boolean
  readonly how: string // `done`, `exit code 3`, `not done within 60 s`
  readonly output: string
}

/** Keeps how a step ended; whether the node is to be worked on at once. */
export async function endStep(
  act: Act,
  by: PassRules,
  id: InstanceId,
  { step, begun, end }: { step: Step; begun: Begun; end: StepEnd },
): Promise<boolean> {
  const output = transcriptOf(end.output, OUTPUT_KEPT)
  const state = end.ok ? 'done' : 'failed'
  await act.tx.endNodeStep(begun.row, { state, ended: act.at, output })
  await act.tx.appendLog(id, logOf(act.at, step, output, end.how))
  const instance = await nodeOfTurn(act, id)
  if (!instance) return false
  const counted = { ...instance, passSteps: instance.passSteps + 1, misses: 0 }
  if (!end.ok) {
    await stepFailed(act, by, counted, { step, tries: begun.tries, why: lastLine(output) ?? end.how })
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

/** The next try comes after a pause; after the last one the node has failed. */
async function stepFailed(
  act: Act,
  by: PassRules,
  instance: InstanceRecord,
  { step, tries, why }: { step: Step; tries: number; why: string },
): Promise<void> {
  const tried = `${step.id} failed (${tries} of ${step.tries}): ${why}`
  await tellStep(act, instance, step, 'failed', tried)
  if (tries >= step.tries)
    return passEnds.failed(act, by, instance, `step ${step.id} failed ${times(tries)}: ${why}`)
  const convergeAt = secondsFrom(act.at, pauseAfter(tries))
  await act.tx.saveInstance({ ...instance, note: tried, convergeAt })
}

const times = (n: number) => (n === 1 ? 'once' : `${n} times`)
