import { clientOptions, fail, hasFailed, openClient } from './client.js'
import { command, EXIT } from './command.js'
import { clean, json, outputOption, record } from './render.js'

export const status = command({
  name: 'status',
  summary: 'Tell what the daemon serves and what it counted since its start.',
  options: { ...clientOptions, ...outputOption },
  examples: [['$0 status', '']],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const answer = await client.json<object>('GET', '/status')
    if (hasFailed(answer)) return fail(answer, context)
    if (args.output === 'json') {
      context.out(json(answer.value))
      return EXIT.ok
    }
    const lines = flat(answer.value)
    const width = Math.max(...lines.map(([key]) => key.length))
    for (const [key, value] of lines)
      context.out(
        args.output === 'text' ? record('STATUS', [key, value]) : `${key.padEnd(width)}  ${clean(value)}`,
      )
    return EXIT.ok
  },
})

/** `{dhcp: {offers: 3}}` is the line `dhcp.offers 3`. */
function flat(value: object, path = ''): (readonly [string, string])[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    if (Array.isArray(inner)) return [[path + key, inner.join(', ')] as const]
    if (typeof inner === 'object' && inner !== null) return flat(inner, `${path}${key}.`)
    return [[path + key, String(inner)] as const]
  })
}
