import { type Client, clientOptions, fail, hasFailed, openClient } from './client.js'
import { type Context, command, EXIT, type Exit } from './command.js'
import { consoleOf, instance } from './instanceQueries.js'
import { json, type Output, outputOption } from './render.js'

const LOOK_MS = 2_000

export const getConsoleOutput = command({
  name: 'get-console-output',
  summary: 'Print what the installer and the new system logged: the last 256 KiB.',
  operands: { instance: { required: true, describe: 'id or name' } },
  options: {
    ...clientOptions,
    output: { ...outputOption.output, describe: 'table and text print the log as it is; json for programs' },
    follow: {
      type: 'boolean',
      alias: 'f',
      default: false,
      describe: 'go on until the instance is running, failed or terminated',
    },
  },
  examples: [
    ['$0 get-console-output web-1', ''],
    ['$0 get-console-output i-0123456789ab --follow', 'while it is installed'],
  ],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const [name = ''] = args.operands.instance ?? []
    return args.follow ? follow(client, name, args.output, context) : once(client, name, args.output, context)
  },
})

async function once(client: Client, name: string, output: Output, context: Context): Promise<Exit> {
  const log = await consoleOf(client, name)
  if (hasFailed(log)) return fail(log, context)
  if (output === 'json') context.out(json({ instance: name, output: log.value.output }))
  else tell(log.value.output, context)
  return EXIT.ok
}

/** Whole lines; control characters but the tab do not get to the terminal. */
function tell(text: string, { out }: Context): void {
  if (text) out(text.replace(/\n$/, '').replace(/[^\P{Cc}\t\n]+/gu, ' '))
}

/** The state is asked before the log, so that the log's end is not missed. Goes on over a restart of the daemon. */
async function follow(client: Client, name: string, output: Output, context: Context): Promise<Exit> {
  let next = 0
  let begun = '' // a line whose end was not logged yet
  let away = false
  for (;;) {
    const found = await instance(client, name)
    const log = hasFailed(found) ? found : await consoleOf(client, name, next)
    if (!hasFailed(found) && !hasFailed(log)) {
      const isOver = found.value.state !== 'pending' && found.value.state !== 'shutting-down'
      const text = begun + log.value.output
      const news = isOver ? text : wholeLines(text)
      if (output === 'json' && news) context.out(JSON.stringify({ instance: name, output: news }))
      else tell(news, context)
      begun = text.slice(news.length)
      next = log.value.next
      if (isOver) return EXIT.ok
    } else if (hasFailed(log) && log.failed !== EXIT.unreachable) return fail(log, context)
    else if (hasFailed(log) && !away) context.err(`muster: ${log.why}; trying again`)
    away = hasFailed(log)
    await context.pause(LOOK_MS)
  }
}

const wholeLines = (text: string) => text.slice(0, text.lastIndexOf('\n') + 1)
