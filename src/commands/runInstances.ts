import { readFile } from 'node:fs/promises'
import { defined } from '../core/defined.js'
import type { ReservationView, RunRequest } from '../core/instanceView.js'
import { type Answer, type Client, clientOptions, fail, hasFailed, openClient } from './client.js'
import { type Args, type Context, command, EXIT, type Exit } from './command.js'
import { tellPlan } from './dryRun.js'
import { retry } from './instanceChanges.js'
import { ROWS, tellReservations } from './instanceRows.js'
import { placementOf, placementOptions, tagsOf } from './options.js'
import { outputOption } from './render.js'
import { waitFor, waitOptions } from './wait.js'

const options = {
  ...clientOptions,
  ...outputOption,
  ...placementOptions,
  profile: {
    type: 'string',
    alias: 'p',
    requiresArg: true,
    describe: "what is installed, see describe-profiles [the setting profile, else the system's own]",
  },
  'user-data': {
    type: 'string',
    requiresArg: true,
    describe: 'file with a #cloud-config or a script that the new system runs at its first boot',
  },
  name: {
    type: 'string',
    requiresArg: true,
    describe: 'host name; several get -1, -2, … [the name of the system]',
  },
  tag: {
    type: 'string',
    array: true,
    requiresArg: true,
    describe: 'KEY=VALUE that the instances carry; may be given several times',
  },
  'min-nodes': {
    type: 'number',
    requiresArg: true,
    describe: 'how many nodes the group of these systems must have before it elects its first master [1]',
  },
  'client-token': {
    type: 'string',
    requiresArg: true,
    describe: 'any text; the same one again starts nothing new and tells of what was started',
  },
  'dry-run': {
    type: 'boolean',
    default: false,
    describe: 'tell which systems would be taken and which disk of each would be written, no more',
  },
  retry: {
    type: 'boolean',
    default: false,
    describe: 'start the install of failed instances again: those named, or all of -u',
  },
  ...waitOptions,
} as const

/** What is settled when instances are made. */
const FIRST_TIME = [
  'count',
  'group',
  'filter',
  'prefer',
  'profile',
  'user-data',
  'name',
  'tag',
  'min-nodes',
  'client-token',
  'dry-run',
] as const

type RunArgs = Args<typeof options>

export const runInstances = command({
  name: 'run-instances',
  summary: 'Install free systems: take them, write their disk, boot them from it.',
  operands: {
    systems: { several: true, describe: 'ids, names or MAC addresses; any that are free if none is given' },
  },
  options,
  details: ROWS,
  examples: [
    ['$0 run-instances -n 2 -g pool -p debian-12-image -u demo --wait', 'two of a group, watched'],
    ['$0 run-instances -p debian-12-image -i node-1 --dry-run', 'which disk would that write?'],
    ["$0 run-instances -n 3 --filter 'memory>=8G' --filter 'disk>=200G'", 'what fits, the smallest first'],
    ['$0 run-instances --retry -i i-0123456789ab --wait', 'once more, after it failed'],
  ],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const idle = args.retry && FIRST_TIME.find(key => args[key] !== undefined && args[key] !== false)
    if (idle) return fail({ failed: EXIT.usage, why: `--${idle} has no say in a --retry` }, context)
    if (args.retry) return retry(client, args, args.operands.systems, args.system, context)
    const request = await requestOf(client, args)
    if (hasFailed(request)) return fail(request, context)
    const answer = await client.json<ReservationView>('POST', '/instances', request.value)
    if (hasFailed(answer)) return fail(answer, context)
    if (args['dry-run']) return tellPlan(client, answer.value, args.output, context)
    if (args.wait) return watch(client, answer.value, args, context)
    tellReservations([answer.value], args.output, context)
    return EXIT.ok
  },
})

async function requestOf(client: Client, args: RunArgs): Promise<Answer<RunRequest>> {
  const placement = placementOf(client, args, args.operands.systems)
  if (hasFailed(placement)) return placement
  const tags = tagsOf(args.tag)
  if (hasFailed(tags)) return tags
  const userData = await userDataOf(args['user-data'])
  if (hasFailed(userData)) return userData
  const profile = args.profile ?? client.defaults.profile
  const { name, 'client-token': clientToken, 'min-nodes': minNodes } = args
  const asked = defined<RunRequest>({ profile, name, minNodes, clientToken, userData: userData.value })
  const more = args.tag ? { tags: tags.value } : {}
  return { value: { ...placement.value, ...asked, ...more, ...(args['dry-run'] && { dryRun: true }) } }
}

/** In base64, as the API takes it. */
async function userDataOf(path: string | undefined): Promise<Answer<string | undefined>> {
  if (path === undefined) return { value: undefined }
  try {
    return { value: (await readFile(path)).toString('base64') }
  } catch (cause) {
    const why = `cannot read the user data: ${cause instanceof Error ? cause.message : String(cause)}`
    return { failed: EXIT.usage, why }
  }
}

/** What was taken is told before the wait: who ends it early must know what goes on without them. */
async function watch(
  client: Client,
  reservation: ReservationView,
  { output, timeout }: RunArgs,
  context: Context,
): Promise<Exit> {
  const ids = reservation.instances.map(i => i.id)
  context.err(`${reservation.id}: ${reservation.instances.map(i => `${i.name} (${i.id})`).join(', ')}`)
  const { instances, missed } = await waitFor(client, ids, { goal: 'running', timeout }, context)
  tellReservations([{ ...reservation, instances }], output, context)
  let exit: Exit = EXIT.ok
  for (const failure of missed) exit = fail(failure, context, exit)
  return exit
}
