import type { StepView } from '../core/nodeStep.js'
import type { Answer, Client } from './client.js'
import { clean, record } from './render.js'
import { ago } from './units.js'

/** What was done on a node, of describe-instance --steps. */

export const STEP_ROWS = `With --steps:
STEP id state started ended tries reason
OUTPUT id line`

export const stepsOf = (client: Client, instance: string): Promise<Answer<StepView[]>> =>
  client.json<StepView[]>('GET', `/instances/${encodeURIComponent(instance)}/steps`)

const linesOf = ({ output }: StepView) => output.trimEnd().split('\n').filter(Boolean)

export const stepRows = (steps: readonly StepView[]): string[] =>
  steps.flatMap(step => [
    record('STEP', [step.step, step.state, step.started, step.ended ?? '', String(step.tries), step.reason]),
    ...linesOf(step).map(line => record('OUTPUT', [step.step, line])),
  ])

/** One paragraph for each, its transcript below. */
export function stepText(steps: readonly StepView[], now: Date): string {
  if (steps.length === 0) return 'Nothing was done on it over SSH yet.'
  return steps
    .map(step => [headOf(step, now), ...linesOf(step).map(line => `    ${clean(line)}`)].join('\n'))
    .join('\n')
}

function headOf({ step, state, started, ended, tries, reason }: StepView, now: Date): string {
  const took = ended ? ` in ${((Date.parse(ended) - Date.parse(started)) / 1000).toFixed(1)} s` : ''
  const again = tries > 1 ? `, try ${tries}` : ''
  return clean(`${step}  ${state}${took}${again}, ${ago(started, now)}: ${reason}`)
}
