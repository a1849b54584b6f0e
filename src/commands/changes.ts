import type { LocalBoot } from '../core/machine.js'
import { LOCAL_BOOTS } from '../core/machine.js'
import type { Order } from '../core/order.js'
import type { Summary } from '../core/summary.js'
import { type Answer, clientOptions, fail, hasFailed, openClient } from './client.js'
import { type Args, type Command, type Context, command, EXIT, type Exit } from './command.js'
import { record } from './render.js'

/** What the API is asked for one system, and the record that tells what came of it. */
type Ask = { method: 'POST' | 'PATCH'; path: string; body?: object }
type Tell<T> = (value: T, system: string) => string

const SYSTEMS = {
  systems: { several: true, required: true, describe: 'ids, names or MAC addresses' },
} as const

/** Each system is asked for by itself: one that is refused does not keep the others from being changed. */
async function forEach<T>(args: Args, context: Context, ask: Ask, tell: Tell<T>): Promise<Exit> {
  const client = openClient(args, context)
  if (hasFailed(client)) return fail(client, context)
  let exit: Exit = EXIT.ok
  for (const system of args.operands.systems ?? []) {
    const path = `/systems/${encodeURIComponent(system)}${ask.path}`
    const answer: Answer<T> = await client.json<T>(ask.method, path, ask.body)
    if (!hasFailed(answer)) context.out(tell(answer.value, system))
    else exit = fail(answer, context, exit)
    if (hasFailed(answer) && answer.failed === EXIT.unreachable) break
  }
  return exit
}

const tellSystem: Tell<Summary> = s => record('SYSTEM', [s.id, s.name, s.group, s.state, s.localBoot])
const tellOrder: Tell<Order> = (order, system) => record('ORDER', [String(order.id), order.kind, system])

const verb = (name: string, path: string, summary: string): Command =>
  command({
    name,
    summary,
    operands: SYSTEMS,
    options: clientOptions,
    examples: [[`$0 ${name} node-1 node-2`, '']],
    run: (args, context) => forEach(args, context, { method: 'POST', path }, tellSystem),
  })

const order = (name: string, kind: string, summary: string): Command =>
  command({
    name,
    summary,
    operands: SYSTEMS,
    options: clientOptions,
    examples: [[`$0 ${name} node-1`, '']],
    run: (args, context) =>
      forEach(args, context, { method: 'POST', path: '/orders', body: { order: kind } }, tellOrder),
  })

const setGroup = command({
  name: 'set-group',
  summary: 'Put systems into a group.',
  operands: { group: { required: true, describe: 'a label: a-z, 0-9 and hyphens' }, ...SYSTEMS },
  options: clientOptions,
  examples: [['$0 set-group rack-2 node-1 node-2', '']],
  run: (args, context) =>
    forEach(
      args,
      context,
      { method: 'PATCH', path: '', body: { group: args.operands.group?.[0] } },
      tellSystem,
    ),
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
  options: clientOptions,
  examples: [['$0 set-local-boot exit node-1', 'for a BIOS that cannot sanboot']],
  run: (args, context) =>
    forEach(
      args,
      context,
      { method: 'PATCH', path: '', body: { localBoot: args.operands.how?.[0] } },
      tellSystem,
    ),
})

const renameSystem = command({
  name: 'rename-system',
  summary: 'Give a system another name.',
  operands: {
    name: { required: true, describe: 'the new name, a label: a-z, 0-9 and hyphens' },
    systems: { required: true, describe: 'its id, name or MAC address' },
  },
  options: clientOptions,
  examples: [['$0 rename-system node-1 m-0123456789ab', '']],
  run: (args, context) =>
    forEach(
      args,
      context,
      { method: 'PATCH', path: '', body: { name: args.operands.name?.[0] } },
      tellSystem,
    ),
})

export const changes: readonly Command[] = [
  verb(
    'protect-system',
    '/protect',
    'Never touch these systems: they boot their own disk until unprotected.',
  ),
  verb('unprotect-system', '/unprotect', 'Let protected systems take part again.'),
  verb('enable-netboot', '/enable-netboot', 'Send systems into the scout at their next boot.'),
  verb('disable-netboot', '/disable-netboot', 'Send systems to their own disk, now and at every boot.'),
  setGroup,
  setLocalBoot,
  renameSystem,
  order('reboot-system', 'reboot', 'Reboot systems that are in the scout.'),
  order('power-off-system', 'power-off', 'Switch systems off that are in the scout.'),
]
