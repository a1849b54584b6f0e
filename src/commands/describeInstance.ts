import type { InstanceView } from '../core/instanceView.js'
import { type Client, clientOptions, fail, hasFailed, openClient } from './client.js'
import { type Context, command, EXIT, type Exit } from './command.js'
import { consoleOf, diskOf, instance } from './instanceQueries.js'
import { doingOf, instanceRow, tagRows, writtenOf } from './instanceRows.js'
import { json, type Output, outputOption, record } from './render.js'
import { asSections, type Thing } from './sections.js'
import { STEP_ROWS, stepRows, stepsOf, stepText } from './steps.js'
import { ago, until } from './units.js'

const LOG_LINES = 12

export const describeInstance = command({
  name: 'describe-instance',
  summary:
    'Tell everything that is known of one instance: which disk is written, how far it is, why it failed.',
  operands: { instance: { required: true, describe: 'id or name' } },
  options: {
    ...clientOptions,
    ...outputOption,
    steps: {
      type: 'boolean',
      default: false,
      describe: 'only what was done on it over SSH, with transcripts',
    },
  },
  details: `Text output, tab-separated:
INSTANCE as describe-instances tells it
BLOCKDEVICE path whether-written what-it-is
TAG instance id key value
HOSTKEY type and key
LOG line, the last ${LOG_LINES}
${STEP_ROWS}`,
  examples: [
    ['$0 describe-instance i-0123456789ab', 'for people, with the last lines of the log'],
    [
      `$0 describe-instance web-1 --output json | jq -r '.address + " " + .hostKeys[]'`,
      'for ~/.ssh/known_hosts',
    ],
  ],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const [name = ''] = args.operands.instance ?? []
    if (args.steps) return tellSteps(client, name, args.output, context)
    const answer = await instance(client, name)
    if (hasFailed(answer)) return fail(answer, context)
    if (args.output === 'json') {
      context.out(json(answer.value))
      return EXIT.ok
    }
    const log = await consoleOf(client, answer.value.id)
    if (hasFailed(log)) return fail(log, context)
    const lines = log.value.output.trimEnd().split('\n').filter(Boolean).slice(-LOG_LINES)
    const disk = await diskOf(client, answer.value)
    if (args.output === 'text') for (const row of rowsOf(answer.value, disk, lines)) context.out(row)
    else context.out(asSections(thingsOf(answer.value, disk, lines, context.now)))
    return EXIT.ok
  },
})

async function tellSteps(client: Client, name: string, output: Output, context: Context): Promise<Exit> {
  const steps = await stepsOf(client, name)
  if (hasFailed(steps)) return fail(steps, context)
  if (output === 'json') context.out(json(steps.value))
  else if (output === 'text') for (const row of stepRows(steps.value)) context.out(row)
  else context.out(stepText(steps.value, context.now))
  return EXIT.ok
}

/** Those of describe-instances, and what is too long for a list. */
const rowsOf = (i: InstanceView, disk: string, log: readonly string[]) => [
  instanceRow(i, 0),
  record('BLOCKDEVICE', [i.disk, writtenOf(i), disk]),
  ...tagRows('instance', i.id, i.tags),
  ...(i.hostKeys ?? []).map(key => record('HOSTKEY', [key])),
  ...log.map(line => record('LOG', [line])),
]

function thingsOf(i: InstanceView, disk: string, log: readonly string[], now: Date): Thing[] {
  const when = (time: string | undefined) => (time ? `${time} (${ago(time, now)})` : '')
  return [
    {
      kind: 'INSTANCE',
      fields: [
        ['id', i.id],
        ['name', i.name],
        ['user', i.user],
        ['profile', i.profile],
        ['state', i.state],
        ['stage', i.stage],
        ['percent', i.percent],
        ['doing', i.reason ? undefined : doingOf(i)],
        [i.state === 'running' ? 'impaired' : 'reason', i.reason],
        ['role', i.role],
        ['since', i.since, when(i.since)],
        ['deadline', i.deadline, i.deadline && `${i.deadline} (${until(i.deadline, now)})`],
        ['attempts', i.attempts],
        ['reservation', i.reservation],
        ['launched', i.launched, when(i.launched)],
        ['installed', i.installedAt, when(i.installedAt)],
        ['address', i.address],
        ['host name', i.hostName],
        ['at the end', i.wipe, `wipe ${i.wipe}${i.powerOff ? ', power off' : ''}`],
      ],
    },
    {
      kind: 'SYSTEM',
      fields: [
        ['id', i.machine],
        ['name', i.system],
        ['group', i.group],
      ],
    },
    {
      kind: 'BLOCKDEVICE',
      fields: [
        ['path', i.disk],
        ['disk', disk],
        ['state', writtenOf(i)],
      ],
    },
    { kind: 'TAG', rows: Object.entries(i.tags) },
    { kind: 'HOSTKEY', rows: (i.hostKeys ?? []).map(key => [key]) },
    { kind: 'LOG', rows: log.map(line => [line]) },
  ]
}
