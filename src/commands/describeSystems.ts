import type { Summary } from '../core/summary.js'
import {
  type Answer,
  type Client,
  clientOptions,
  type Failure,
  fail,
  hasFailed,
  openClient,
} from './client.js'
import { COLUMN_NAMES, type ColumnName, DEFAULT_COLUMNS, DEFAULT_FIELDS, exact, shown } from './columns.js'
import { command, EXIT, type Exit } from './command.js'
import { queryOf, systemFilter } from './options.js'
import { json, outputOption, record, table } from './render.js'

export const describeSystems = command({
  name: 'describe-systems',
  summary: 'List the systems, or some of them, one a line.',
  operands: { systems: { several: true, describe: 'ids, names or MAC addresses; all when none is given' } },
  options: {
    ...clientOptions,
    ...outputOption,
    ...systemFilter,
    columns: {
      type: 'string',
      requiresArg: true,
      describe: `columns, separated by commas, of: ${COLUMN_NAMES.join(', ')}`,
    },
  },
  examples: [
    ['$0 describe-systems', 'all, as a table'],
    ['$0 describe-systems node-1 --columns name,mac,serial', 'one, and what is wanted of it'],
    ["$0 describe-systems --filter state=discovered --filter 'memory>=8G'", 'those that fit'],
    ['$0 describe-systems --output text | cut -f 2,5', 'ids and states, for a script'],
  ],
  async run(args, context) {
    const columns = columnsOf(args.columns, args.output === 'text' ? DEFAULT_FIELDS : DEFAULT_COLUMNS)
    if (hasFailed(columns)) return fail(columns, context)
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const found: Summary[] = []
    let exit: Exit = EXIT.ok
    for await (const answer of systems(client, args.operands.systems ?? [], args.filter)) {
      if (!hasFailed(answer)) found.push(...answer.value)
      else exit = fail(answer, context, exit)
      if (hasFailed(answer) && answer.failed === EXIT.unreachable) return exit
    }
    if (args.output === 'json') context.out(json(found))
    else if (args.output === 'text') for (const s of found) context.out(record('SYSTEM', exact(s, columns)))
    else if (found.length > 0 || !exit)
      context.out(
        table(
          columns,
          found.map(s => shown(s, columns, context.now)),
        ),
      )
    return exit
  },
})

async function* systems(
  client: Client,
  names: readonly string[],
  filter: readonly string[] | undefined,
): AsyncGenerator<Answer<Summary[]>> {
  if (names.length === 0 || filter)
    return yield only(names, await client.json<Summary[]>('GET', `/systems${queryOf({ filter })}`))
  for (const name of names) {
    const answer = await client.json<Summary>('GET', `/systems/${encodeURIComponent(name)}`)
    yield hasFailed(answer) ? answer : { value: [answer.value] }
  }
}

/** With a filter, those that are named and do not match it are left out. */
const only = (names: readonly string[], answer: Answer<Summary[]>): Answer<Summary[]> =>
  names.length === 0 || hasFailed(answer) ? answer : { value: answer.value.filter(isOneOf(names)) }

const isOneOf = (names: readonly string[]) => (s: Summary) =>
  names.some(name => [s.id, s.name, ...s.macs].some(own => own === name))

function columnsOf(text: string | undefined, usual: ColumnName[]): ColumnName[] | Failure {
  if (text === undefined) return usual
  const wanted = text.split(',').map(name => name.trim())
  const unknown = wanted.find(name => !isColumn(name))
  if (unknown !== undefined)
    return {
      failed: EXIT.usage,
      why: `there is no column '${unknown}'; there are ${COLUMN_NAMES.join(', ')}`,
    }
  return wanted.filter(isColumn)
}

const isColumn = (name: string): name is ColumnName => COLUMN_NAMES.some(known => known === name)
