import type { Summary } from '../core/summary.js'
import { clientOptions, fail, hasFailed, openClient } from './client.js'
import { command, EXIT } from './command.js'
import { userOf, userOption } from './options.js'
import { clean, json, outputOption, table } from './render.js'

/** Metaleuca's rows have no kind in front; scripts that were written for it read these. */
const row = (cells: readonly string[]) => cells.map(clean).join('\t')

export const describeSystemGroups = command({
  name: 'describe-system-groups',
  summary: 'List which group each system is in.',
  options: {
    ...clientOptions,
    ...outputOption,
    group: { type: 'string', alias: 'g', requiresArg: true, describe: 'only those of this group' },
    freed: { type: 'boolean', alias: 'f', default: false, describe: 'only those that are free' },
  },
  details: `Text output, tab-separated:
address group, with -f: address group FREED`,
  examples: [
    ['$0 describe-system-groups', ''],
    ['$0 describe-system-groups -g pool --freed', 'what run-instances -g pool would choose from'],
  ],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const answer = await client.json<Summary[]>('GET', '/systems')
    if (hasFailed(answer)) return fail(answer, context)
    const found = answer.value
      .filter(s => (args.group === undefined || s.group === args.group) && (!args.freed || s.free))
      .sort((a, b) => (a.group === b.group ? 0 : a.group < b.group ? -1 : 1))
    if (args.group !== undefined && !answer.value.some(s => s.group === args.group))
      return fail({ failed: EXIT.notFound, why: `no system is in the group ${args.group}` }, context)
    if (args.output === 'json') context.out(json(found))
    else if (args.output === 'text')
      for (const s of found) context.out(row([s.address ?? '', s.group, ...(args.freed ? ['FREED'] : [])]))
    else context.out(table(['group', 'name', 'address', 'state', 'free', 'user'], found.map(cellsOf)))
    return EXIT.ok
  },
})

const cellsOf = (s: Summary) => [
  ...[s.group, s.name, s.address ?? '', s.state, s.free ? 'yes' : 'no', s.reservedFor ?? ''],
]

export const describeSystemUser = command({
  name: 'describe-system-user',
  aliases: ['describe-system-users'],
  summary: 'List the systems that a user holds, by a reservation or an instance.',
  options: {
    ...clientOptions,
    ...outputOption,
    ...userOption,
    all: { type: 'boolean', alias: 'a', default: false, describe: 'those of every user' },
  },
  details: `Text output, tab-separated:
address user`,
  examples: [['$0 describe-system-user -u demo', '']],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const user = args.all ? undefined : userOf(client)
    if (user !== undefined && typeof user !== 'string') return fail(user, context)
    const answer = await client.json<Summary[]>('GET', '/systems')
    if (hasFailed(answer)) return fail(answer, context)
    const held = answer.value.filter(s => s.reservedFor && (args.all || s.reservedFor === user))
    if (args.output === 'json') context.out(json(held))
    if (held.length === 0)
      return fail({ failed: EXIT.notFound, why: `no system is under ${user ?? 'any user'}` }, context)
    if (args.output === 'text') for (const s of held) context.out(row([s.address ?? '', s.reservedFor ?? '']))
    else if (args.output === 'table')
      context.out(
        table(
          ['user', 'name', 'address', 'group', 'instance'],
          held.map(s => [s.reservedFor ?? '', s.name, s.address ?? '', s.group, s.instance ?? '']),
        ),
      )
    return EXIT.ok
  },
})
