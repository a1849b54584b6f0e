import { clientOptions, fail, hasFailed, openClient } from './client.js'
import { command, EXIT } from './command.js'
import { tagRows } from './instanceRows.js'
import { tagsOf } from './options.js'
import { json, outputOption } from './render.js'

const RESOURCES = {
  resources: { several: true, required: true, describe: 'ids or names of instances and systems' },
} as const

const DETAILS = `Text output, tab-separated:
TAG instance|system|name id-or-name key value`

/** Of an id. A name may be that of an instance, of a system, or of both. */
const kindOf = (resource: string) =>
  /^i-[0-9a-f]{12}$/.test(resource) ? 'instance' : /^m-[0-9a-f]{12}$/.test(resource) ? 'system' : 'name'

export const createTags = command({
  name: 'create-tags',
  summary: 'Put tags on instances or systems, or give them another value.',
  operands: RESOURCES,
  options: {
    ...clientOptions,
    ...outputOption,
    tag: {
      type: 'string',
      array: true,
      requiresArg: true,
      demandOption: true,
      describe: 'KEY=VALUE, or KEY; may be given several times',
    },
  },
  details: DETAILS,
  examples: [["$0 create-tags node-1 node-2 --tag rack=2 --tag 'owner=the lab'", '']],
  async run(args, context) {
    const tags = tagsOf(args.tag)
    if (hasFailed(tags)) return fail(tags, context)
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const { resources = [] } = args.operands
    const answer = await client.json<object>('POST', '/tags', { resources, tags: tags.value })
    if (hasFailed(answer)) return fail(answer, context)
    if (args.output === 'json') context.out(json(answer.value))
    else
      for (const resource of resources)
        for (const row of tagRows(kindOf(resource), resource, tags.value)) context.out(row)
    return EXIT.ok
  },
})

export const deleteTags = command({
  name: 'delete-tags',
  summary: 'Take tags from instances or systems, whatever their value.',
  operands: RESOURCES,
  options: {
    ...clientOptions,
    ...outputOption,
    tag: {
      type: 'string',
      array: true,
      requiresArg: true,
      demandOption: true,
      describe: 'KEY; may be given several times',
    },
  },
  details: `Text output: how many tags there were to delete.`,
  examples: [['$0 delete-tags node-1 node-2 --tag rack', '']],
  async run(args, context) {
    const withValue = args.tag.find(key => key.includes('='))
    if (withValue)
      return fail({ failed: EXIT.usage, why: `--tag takes a KEY here, not '${withValue}'` }, context)
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const { resources = [] } = args.operands
    const body = { resources, keys: args.tag }
    const answer = await client.json<{ untagged: number }>('POST', '/tags/delete', body)
    if (hasFailed(answer)) return fail(answer, context)
    context.out(args.output === 'json' ? json(answer.value) : `${answer.value.untagged} deleted`)
    return EXIT.ok
  },
})
