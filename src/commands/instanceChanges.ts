import { defined } from '../core/defined.js'
import { WIPES, type Wipe } from '../core/instance.js'
import type { ConvergeView, InstanceView } from '../core/instanceView.js'
import { type Answer, type Client, clientOptions, fail, hasFailed, openClient, SLOW_S } from './client.js'
import { type Command, type Context, command, EXIT, type Exit } from './command.js'
import { list } from './describeInstances.js'
import { changeRow, doingOf } from './instanceRows.js'
import { instancesOption, named, userOption } from './options.js'
import { clean, json, type Output, outputOption, table } from './render.js'
import { type Goal, waitFor, waitOptions } from './wait.js'

/**
 * The body that says which are meant: those named under `what`, which must be the user's if one is given, or all of
 * the user. Never all by naming nothing: the user of the settings is not meant here.
 */
export function chosenOf(
  what: 'instances' | 'systems',
  names: readonly string[],
  user: string | undefined,
): Answer<object> {
  if (names.length === 0 && user === undefined)
    return { failed: EXIT.usage, why: `name the ${what}, or say -u USER for all of a user` }
  return { value: bodyOf(what, names, user) }
}

const bodyOf = (what: string, names: readonly string[], user: string | undefined) => ({
  ...(names.length > 0 && { [what]: names }),
  ...(user !== undefined && { user }),
})

const INSTANCES = {
  instances: { several: true, describe: 'ids or names, whoever has them' },
} as const

const options = {
  ...clientOptions,
  ...outputOption,
  user: { ...userOption.user, describe: 'all of this user; instances that are named must be its' },
  ...instancesOption,
} as const satisfies Command['options']

const DETAILS = `Text output, tab-separated:
INSTANCE id state-before state-now name system user`

type Change = {
  path: string
  body?: object
  goal?: Goal // with --wait
  none?: string // what there is, if it is done for nobody
  chosen: Answer<object>
  output: Output
  timeout: number
}

/** Asks the API for all of them at once: it does all or, with one that is refused, none. */
async function change(client: Client, asked: Change, context: Context): Promise<Exit> {
  const { chosen, path, body, goal, none = 'there is no such instance', output, timeout } = asked
  if (hasFailed(chosen)) return fail(chosen, context)
  const before = await states(client)
  if (hasFailed(before)) return fail(before, context)
  const answer = await client.json<ConvergeView[]>('POST', path, { ...chosen.value, ...body }, SLOW_S)
  if (hasFailed(answer)) return fail(answer, context)
  const changed = answer.value.filter(i => i.skipped === undefined)
  for (const i of answer.value)
    if (i.skipped !== undefined) context.err(`${i.name} (${i.id}) is left alone: ${clean(i.skipped)}`)
  if (changed.length === 0) return fail({ failed: EXIT.notFound, why: none }, context)
  const ids = changed.map(i => i.id)
  const { instances, missed } = goal
    ? await waitFor(client, ids, { goal, timeout, asked: changed }, context)
    : { instances: changed, missed: [] }
  tell(instances, before.value, output, context)
  if (!goal) for (const i of instances) tellDoing(i, context)
  let exit: Exit = EXIT.ok
  for (const failure of missed) exit = fail(failure, context, exit)
  return exit
}

async function states(client: Client): Promise<Answer<ReadonlyMap<string, string>>> {
  const all = await list(client, {})
  if (hasFailed(all)) return all
  return { value: new Map(all.value.flatMap(r => r.instances.map(i => [i.id, i.state] as const))) }
}

/** What is waited for, which may be a person at the machine. */
function tellDoing(i: InstanceView, { err }: Context): void {
  const doing = doingOf(i)
  if (doing) err(`${i.name} (${i.id}): ${clean(doing)}`)
}

const HEAD = ['id', 'name', 'system', 'user', 'before', 'state']

function tell(
  instances: readonly InstanceView[],
  before: ReadonlyMap<string, string>,
  output: Output,
  { out }: Context,
): void {
  const rows = instances.map(i => [i.id, i.name, i.system, i.user, before.get(i.id) ?? '', i.state])
  if (output === 'json') out(json(instances))
  else if (output === 'text') for (const i of instances) out(changeRow(i, before.get(i.id)))
  else out(table(HEAD, rows))
}

type RetryArgs = { user?: string | undefined; output: Output; wait: boolean; timeout: number }

/** Of retry-instances, and of run-instances --retry. */
export const retry = (
  client: Client,
  { user, output, wait, timeout }: RetryArgs,
  operands: readonly string[] | undefined,
  option: readonly string[] | undefined,
  context: Context,
): Promise<Exit> => {
  const chosen = chosenOf('instances', named(operands, option), user)
  return change(
    client,
    { path: '/instances/retry', chosen, output, timeout, ...(wait && { goal: 'running' }) },
    context,
  )
}

export const retryInstances = command({
  name: 'retry-instances',
  summary: 'Start the install of failed instances again, on the same systems.',
  operands: INSTANCES,
  options: { ...options, ...waitOptions },
  details: DETAILS,
  examples: [
    ['$0 retry-instances i-0123456789ab --wait', ''],
    ['$0 retry-instances -u demo', 'all of demo that failed'],
  ],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    return retry(client, args, args.operands.instances, args.instance, context)
  },
})

export const terminateInstances = command({
  name: 'terminate-instances',
  summary: 'Give systems back: they go into the scout, are wiped if that is asked for, and are free again.',
  operands: INSTANCES,
  options: {
    ...options,
    wipe: {
      type: 'string',
      requiresArg: true,
      choices: WIPES satisfies readonly Wipe[],
      describe: 'none: the disk stays as it is; quick: it does not boot any more; full: all of it [none]',
    },
    'power-off': { type: 'boolean', describe: 'switch the systems off when they are free' },
    ...waitOptions,
  },
  details: `${DETAILS}
A user is a name to sort by, not a permission: who has the API's token may terminate the instances of all.
With -u, instances that are named must be that user's.`,
  examples: [
    ['$0 terminate-instances -u demo', 'all of demo'],
    ['$0 terminate-instances i-0123456789ab --wipe quick --power-off --wait', 'one, and watch it go'],
  ],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const { output, timeout, wait, wipe, 'power-off': powerOff } = args
    const chosen = chosenOf('instances', named(args.operands.instances, args.instance), args.user)
    const body = defined({ wipe, powerOff })
    const goal = wait ? ({ goal: 'terminated' } as const) : {}
    return change(client, { path: '/instances/terminate', chosen, body, output, timeout, ...goal }, context)
  },
})

export const rebootInstances = command({
  name: 'reboot-instances',
  summary: 'Reboot running instances, over SSH.',
  operands: INSTANCES,
  options,
  details: DETAILS,
  examples: [['$0 reboot-instances i-0123456789ab', '']],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const chosen = chosenOf('instances', named(args.operands.instances, args.instance), args.user)
    return change(client, { path: '/instances/reboot', chosen, output: args.output, timeout: 0 }, context)
  },
})

export const convergeInstances = command({
  name: 'converge',
  summary: 'Have nodes looked at again over SSH, and made as their roles want them.',
  operands: INSTANCES,
  options: { ...options, ...waitOptions },
  details: `${DETAILS}
A node that runs goes on running meanwhile. What is done is told by describe-instance --steps and in the events; what
would be done, by plan. With --wait the exit code is 1 when a node failed or is impaired.
Without a name it is all nodes that are up, of the user if one is given, and those that failed on their way to be nodes;
those on protected systems are told and left alone.`,
  examples: [
    ['$0 converge web-1 --wait', ''],
    ['$0 converge --wait', 'all nodes'],
    ['$0 converge -u demo', 'all of demo that are up'],
  ],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const { output, timeout, wait } = args
    const names = named(args.operands.instances, args.instance)
    const chosen = { value: bodyOf('instances', names, args.user) }
    const none = 'there is no node that can be looked at: describe-instances lists them'
    const goal = wait ? ({ goal: 'converged' } as const) : {}
    const asked = { path: '/instances/converge', chosen, none, output, timeout, ...goal }
    return change(client, asked, context)
  },
})
