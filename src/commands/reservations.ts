import type { ReservationView } from '../core/instanceView.js'
import { clientOptions, fail, hasFailed, openClient } from './client.js'
import { command, EXIT } from './command.js'
import { chosenOf } from './instanceChanges.js'
import { ROWS, tellReservations } from './instanceRows.js'
import { named, placementOf, placementOptions, systemsOption, userOption } from './options.js'
import { json, outputOption, record, table } from './render.js'

const describe = 'ids, names or MAC addresses'

export const reserveSystems = command({
  name: 'reserve-systems',
  summary: 'Hold free systems for a user, with nothing installed on them; run-instances takes those first.',
  operands: { systems: { several: true, describe: `${describe}; any that are free if none is given` } },
  options: { ...clientOptions, ...outputOption, ...placementOptions },
  details: ROWS,
  examples: [
    ['$0 reserve-systems -n 2 -g pool -u demo', ''],
    ['$0 reserve-systems -i node-1', 'this one'],
  ],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const request = placementOf(client, args, args.operands.systems)
    if (hasFailed(request)) return fail(request, context)
    const answer = await client.json<ReservationView>('POST', '/reservations', request.value)
    if (hasFailed(answer)) return fail(answer, context)
    tellReservations([answer.value], args.output, context)
    return EXIT.ok
  },
})

export const releaseSystems = command({
  name: 'release-systems',
  summary: 'Give up systems that are held and carry no instance.',
  operands: { systems: { several: true, describe } },
  options: {
    ...clientOptions,
    ...outputOption,
    user: { ...userOption.user, describe: 'all that are held for this user; systems that are named must be' },
    ...systemsOption,
  },
  details: `Text output, tab-separated, for each that was given up:
SYSTEM id name group user`,
  examples: [
    ['$0 release-systems -u demo', ''],
    ['$0 release-systems -i node-1', ''],
  ],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const chosen = chosenOf('systems', named(args.operands.systems, args.system), args.user)
    if (hasFailed(chosen)) return fail(chosen, context)
    const answer = await client.json<ReservationView[]>('POST', '/reservations/release', chosen.value)
    if (hasFailed(answer)) return fail(answer, context)
    const freed = answer.value.flatMap(({ user, systems }) => systems.map(s => [s.id, s.name, s.group, user]))
    if (args.output === 'json') context.out(json(answer.value))
    else if (args.output === 'text') for (const row of freed) context.out(record('SYSTEM', row))
    else context.out(table(['id', 'name', 'group', 'user'], freed))
    return EXIT.ok
  },
})
