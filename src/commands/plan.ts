import type { PlanView } from '../core/nodeStep.js'
import { clientOptions, fail, hasFailed, openClient, SLOW_S } from './client.js'
import { command, EXIT } from './command.js'
import { json, outputOption, record, table } from './render.js'

export const plan = command({
  name: 'plan',
  summary: 'Tell what would be done on a node now to make it as its roles want it; nothing is done.',
  operands: { instance: { required: true, describe: 'id or name' } },
  options: { ...clientOptions, ...outputOption },
  details: `Text output, tab-separated:
STEP number id reason
WAITING what it waits for before the rest can be planned
The exit code is 1 when there is no plan, as the node cannot be reached or a role is broken.`,
  examples: [['$0 plan web-1', 'over SSH']],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const [instance = ''] = args.operands.instance ?? []
    const path = `/instances/${encodeURIComponent(instance)}/plan`
    const answer = await client.json<PlanView>('GET', path, undefined, SLOW_S)
    if (hasFailed(answer)) return fail(answer, context)
    const { steps, waiting, problem } = answer.value
    const rows = steps.map(({ id, reason }, n) => [String(n + 1), id, reason])
    if (args.output === 'json') context.out(json(answer.value))
    else if (args.output === 'text') {
      for (const row of rows) context.out(record('STEP', row))
      if (waiting) context.out(record('WAITING', [waiting]))
    } else if (!problem) {
      if (rows.length > 0) context.out(table(['', 'step', 'why'], rows))
      context.err(endOf(rows.length, waiting))
    }
    return problem
      ? fail({ failed: EXIT.failed, why: `no plan for ${instance}: ${problem}` }, context)
      : EXIT.ok
  },
})

function endOf(steps: number, waiting: string | undefined): string {
  if (waiting) return `Then it waits: ${waiting}.`
  return steps > 0
    ? 'This is what would be done; nothing was done.'
    : 'Nothing is to be done: it is as its roles want it.'
}
