import type { InstanceView } from '../core/instanceView.js'
import type { LocalBoot } from '../core/machine.js'
import { LOCAL_BOOTS } from '../core/machine.js'
import type { Order } from '../core/order.js'
import type { Summary } from '../core/summary.js'
import { type Answer, type Client, clientOptions, fail, hasFailed, openClient, SLOW_S } from './client.js'
import { type Args, type Command, type Context, command, EXIT, type Exit } from './command.js'
import { named, namesOption } from './options.js'
import { json, outputOption, record, table } from './render.js'

/** How one system is changed, and what is told of it: a row, with what its columns are. */
type Work<T> = {
  ask: (client: Client, system: string) => Promise<Answer<T>>
  kind: string
  head: readonly string[]
  row: (value: T, system: string) => readonly string[]
}

const SYSTEMS = {
  systems: { several: true, required: true, describe: 'ids, names or MAC addresses' },
} as const
/** Where they may also be named as Metaleuca did, by -i or -n. */
const SYSTEMS_TOO = { systems: { several: true, describe: 'ids, names or MAC addresses' } } as const

const options = { ...clientOptions, output: { ...outputOption.output, default: 'text' } } as const
const namedOptions = { ...options, ...namesOption } as const

type Given = Args<typeof options> & { system?: readonly string[] | undefined }

/** Each system is asked for by itself: one that is refused does not keep the others from being changed. */
async function forEach<T>(args: Given, context: Context, { ask, kind, head, row }: Work<T>): Promise<Exit> {
  const systems = named(args.operands.systems, args.system)
  if (systems.length === 0) return fail({ failed: EXIT.usage, why: 'name the systems' }, context)
  const client = openClient(args, context)
  if (hasFailed(client)) return fail(client, context)
  const done: { value: T; row: readonly string[] }[] = []
  let exit: Exit = EXIT.ok
  for (const system of systems) {
    const answer = await ask(client, system)
    if (hasFailed(answer)) exit = fail(answer, context, exit)
    else done.push({ value: answer.value, row: row(answer.value, system) })
    if (!hasFailed(answer) && args.output === 'text') context.out(record(kind, row(answer.value, system)))
    if (hasFailed(answer) && answer.failed === EXIT.unreachable) break
  }
  const rows = done.map(one => one.row)
  if (args.output === 'json') context.out(json(done.map(({ value }) => value)))
  else if (args.output === 'table' && rows.length > 0) context.out(table(head, rows))
  return exit
}

const at = (system: string, path = '') => `/systems/${encodeURIComponent(system)}${path}`

const SYSTEM = {
  kind: 'SYSTEM',
  head: ['id', 'name', 'group', 'state', 'local-boot', 'profile'],
  row: (s: Summary) => [s.id, s.name, s.group, s.state, s.localBoot, s.profile ?? ''],
} as const

const DETAILS = `Text output, tab-separated:
SYSTEM id name group state local-boot profile`

const patched = (body: object): Work<Summary> => ({
  ...SYSTEM,
  ask: (client, system) => client.json<Summary>('PATCH', at(system), body),
})

const applied = (path: string): Work<Summary> => ({
  ...SYSTEM,
  ask: (client, system) => client.json<Summary>('POST', at(system, path)),
})

const ORDER = {
  kind: 'ORDER',
  head: ['order', 'kind', 'system'],
  row: (order: Order, system: string) => [String(order.id), order.kind, system],
} as const

const giveOrder = (client: Client, system: string, order: string) =>
  client.json<Order>('POST', at(system, '/orders'), { order })

const verb = (name: string, path: string, summary: string): Command =>
  command({
    name,
    summary,
    operands: SYSTEMS,
    options,
    details: DETAILS,
    examples: [[`$0 ${name} node-1 node-2`, '']],
    run: (args, context) => forEach(args, context, applied(path)),
  })

const netbootVerb = (name: string, summary: string): Command =>
  command({
    name,
    summary,
    operands: SYSTEMS_TOO,
    options: namedOptions,
    details: DETAILS,
    examples: [[`$0 ${name} node-1 node-2`, '']],
    run: (args, context) => forEach(args, context, applied(`/${name}`)),
  })

const setGroup = command({
  name: 'set-group',
  summary: 'Put systems into a group.',
  operands: { group: { required: true, describe: 'a label: a-z, 0-9 and hyphens' }, ...SYSTEMS },
  options,
  details: DETAILS,
  examples: [['$0 set-group rack-2 node-1 node-2', '']],
  run: (args, context) => forEach(args, context, patched({ group: args.operands.group?.[0] })),
})

const setProfile = command({
  name: 'set-profile',
  summary: 'Choose what is installed on systems where run-instances does not say it.',
  operands: SYSTEMS_TOO,
  options: {
    ...namedOptions,
    profile: {
      type: 'string',
      alias: 'p',
      requiresArg: true,
      demandOption: true,
      describe: 'the profile, see describe-profiles',
    },
  },
  details: DETAILS,
  examples: [['$0 set-profile -p debian-12-image node-1 node-2', '']],
  run: (args, context) => forEach(args, context, patched({ profile: args.profile })),
})

const setLocalBoot = command({
  name: 'set-local-boot',
  summary: 'Choose how iPXE hands systems over to their own disk.',
  operands: {
    how: {
      required: true,
      choices: LOCAL_BOOTS satisfies readonly LocalBoot[],
      describe: 'auto: sanboot on BIOS and exit-1 on UEFI; choose another where that does not reach the disk',
    },
    ...SYSTEMS,
  },
  options,
  details: DETAILS,
  examples: [['$0 set-local-boot exit node-1', 'for a BIOS that cannot sanboot']],
  run: (args, context) => forEach(args, context, patched({ localBoot: args.operands.how?.[0] })),
})

const renameSystem = command({
  name: 'rename-system',
  summary: 'Give a system another name.',
  operands: {
    name: { required: true, describe: 'the new name, a label: a-z, 0-9 and hyphens' },
    systems: { required: true, describe: 'its id, name or MAC address' },
  },
  options,
  details: DETAILS,
  examples: [['$0 rename-system node-1 m-0123456789ab', '']],
  run: (args, context) => forEach(args, context, patched({ name: args.operands.name?.[0] })),
})

/** What runs on its own disk is reached over SSH, what is in the scout by an order. */
async function reboot(client: Client, system: string): Promise<Answer<Order>> {
  const found = await client.json<Summary>('GET', at(system))
  if (hasFailed(found)) return found
  const { instance } = found.value
  if (instance === undefined) return giveOrder(client, system, 'reboot')
  const node = await client.json<InstanceView>('GET', `/instances/${instance}`)
  if (hasFailed(node)) return node
  if (node.value.state !== 'running') return giveOrder(client, system, 'reboot')
  const asked = await client.json('POST', '/instances/reboot', { instances: [instance] }, SLOW_S)
  return hasFailed(asked) ? asked : { value: { id: 0, kind: 'reboot' } }
}

const rebootSystem = command({
  name: 'reboot-system',
  aliases: ['reboot-systems'],
  summary: 'Reboot systems that are in the scout, or that run an instance.',
  operands: SYSTEMS_TOO,
  options: namedOptions,
  details: `Text output, tab-separated:
ORDER number reboot system (number 0: asked over SSH)`,
  examples: [['$0 reboot-system node-1', '']],
  run: (args, context) => forEach(args, context, { ...ORDER, ask: reboot }),
})

/** The daemon sends the packets; whether a machine hears them shows when it comes into the scout. */
async function wake(client: Client, system: string): Promise<Answer<Summary>> {
  const answer = await client.json<Summary[]>('POST', '/systems/wake', { systems: [system] })
  if (hasFailed(answer)) return answer
  const [woken] = answer.value
  return woken ? { value: woken } : { failed: EXIT.failed, why: `the daemon tells nothing of ${system}` }
}

const wakeSystem = command({
  name: 'wake-system',
  aliases: ['wake-systems'],
  summary: 'Ask systems to switch themselves on, by Wake-on-LAN.',
  operands: SYSTEMS_TOO,
  options: namedOptions,
  details: `${DETAILS}

The machine's firmware has to have Wake-on-LAN switched on. run-instances wakes what it needs by itself.`,
  examples: [['$0 wake-system node-1 node-2', '']],
  run: (args, context) => forEach(args, context, { ...SYSTEM, ask: wake }),
})

const powerOff = command({
  name: 'power-off-system',
  summary: 'Switch systems off that are in the scout.',
  operands: SYSTEMS,
  options,
  details: `Text output, tab-separated:
ORDER number power-off system`,
  examples: [['$0 power-off-system node-1', '']],
  run: (args, context) =>
    forEach(args, context, { ...ORDER, ask: (client, system) => giveOrder(client, system, 'power-off') }),
})

export const changes: readonly Command[] = [
  verb(
    'protect-system',
    '/protect',
    'Never touch these systems: they boot their own disk until unprotected.',
  ),
  verb('unprotect-system', '/unprotect', 'Let protected systems take part again.'),
  verb(
    'allow-join',
    '/allow-join',
    'Let systems join by a rule again, though their instance was terminated by hand.',
  ),
  netbootVerb('enable-netboot', 'Send systems into the scout at their next boot.'),
  netbootVerb('disable-netboot', 'Send systems to their own disk, now and at every boot.'),
  setGroup,
  setProfile,
  setLocalBoot,
  renameSystem,
  rebootSystem,
  powerOff,
  wakeSystem,
]
