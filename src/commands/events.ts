import { setTimeout as pause } from 'node:timers/promises'
import type { Event } from '../core/events.js'
import { type Client, clientOptions, fail, hasFailed, openClient } from './client.js'
import { command, EXIT, type Exit } from './command.js'
import { clean, type Output, outputOption, record } from './render.js'

/** An event as the API sends it. */
type Told = Omit<Event, 'at'> & { at: string }

const WAIT_S = 50
const RETRY_MS = 2_000

export const events = command({
  name: 'events',
  summary: 'Tell what happened to the systems, oldest first.',
  options: {
    ...clientOptions,
    output: {
      ...outputOption.output,
      describe: 'table for people, text or json (one object a line) for programs',
    },
    follow: { type: 'boolean', alias: 'f', default: false, describe: 'go on with what happens from now on' },
    system: {
      type: 'string',
      requiresArg: true,
      describe: 'only those of one system: id, name or MAC address',
    },
    limit: { type: 'number', requiresArg: true, default: 100, describe: 'how many of the latest' },
    after: { type: 'number', requiresArg: true, describe: 'only those after the event of this number' },
  },
  examples: [
    ['$0 events --follow', 'watch machines arrive'],
    ['$0 events --system node-1 --limit 1000', 'the history of one'],
  ],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const line = LINE[args.output]
    const query = { limit: args.limit, ...(args.system && { system: args.system }) }
    const first = await ask(client, { ...query, ...(args.after !== undefined && { after: args.after }) })
    if (hasFailed(first)) return fail(first, context)
    for (const event of first.value) context.out(line(event))
    if (!args.follow) return EXIT.ok
    const from = first.value.at(-1)?.id ?? args.after ?? 0
    return follow(client, { ...query, limit: 1000 }, from, event => context.out(line(event)), context.err)
  },
})

const ask = (client: Client, query: Readonly<Record<string, string | number>>, wait = 0) => {
  const text = Object.entries({ ...query, wait }).map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
  return client.json<Told[]>('GET', `/events?${text.join('&')}`, undefined, wait)
}

/** Goes on over a restart of the daemon; ends with an answer that will not change. */
async function follow(
  client: Client,
  query: Readonly<Record<string, string | number>>,
  from: number,
  tell: (event: Told) => void,
  err: (text: string) => void,
): Promise<Exit> {
  let after = from
  let away = false
  for (;;) {
    const answer = await ask(client, { ...query, after }, WAIT_S)
    if (!hasFailed(answer)) {
      away = false
      for (const event of answer.value) tell(event)
      after = answer.value.at(-1)?.id ?? after
    } else if (answer.failed !== EXIT.unreachable) {
      err(`muster: ${answer.why}`)
      return answer.failed
    } else {
      if (!away) err(`muster: ${answer.why}; trying again`)
      away = true
      await pause(RETRY_MS)
    }
  }
}

/** Fixed widths: while following, nobody knows what comes next. The longest kind has 13 letters, an id 14. */
const LINE: Record<Output, (event: Told) => string> = {
  table: ({ at, machine = '-', kind, text }) =>
    `${at.slice(0, 19).replace('T', ' ')}  ${machine.padEnd(14)}  ${kind.padEnd(13)}  ${clean(text)}`,
  text: ({ id, at, machine = '', kind, text }) => record('EVENT', [String(id), at, machine, kind, text]),
  json: event => JSON.stringify(event),
}
