import type { InstanceView, ReservationView } from '../core/instanceView.js'
import { type Answer, type Client, clientOptions, fail, hasFailed, openClient } from './client.js'
import { command, EXIT, type Exit } from './command.js'
import { ROWS, tellReservations } from './instanceRows.js'
import { instanceFilter, instancesOption, named, queryOf, userOf, userOption } from './options.js'
import { outputOption } from './render.js'

export const describeInstances = command({
  name: 'describe-instances',
  summary: 'List instances, one a line.',
  operands: {
    instances: {
      several: true,
      describe: 'ids or names, whoever has them; all of the user when none is given',
    },
  },
  options: {
    ...clientOptions,
    ...outputOption,
    ...userOption,
    all: { type: 'boolean', alias: 'a', default: false, describe: 'those of every user' },
    ...instancesOption,
    ...instanceFilter,
  },
  details: ROWS,
  examples: [
    ['$0 describe-instances', 'your own'],
    ['$0 describe-instances --all --filter state=failed', 'those of everybody that failed'],
    ['$0 describe-instances --output text | grep ^INSTANCE | cut -f 2,4,6', 'ids, addresses and states'],
  ],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const wanted = named(args.operands.instances, args.instance)
    const user = args.all || (wanted.length > 0 && !args.user) ? undefined : userOf(client)
    if (user !== undefined && typeof user !== 'string') return fail(user, context)
    const answer = await list(client, { user, filter: args.filter })
    if (hasFailed(answer)) return fail(answer, context)
    const found = wanted.length > 0 ? only(wanted, answer.value) : answer.value
    let exit: Exit = EXIT.ok
    for (const name of wanted.filter(name => !answer.value.some(r => r.instances.some(is(name)))))
      exit = fail({ failed: EXIT.notFound, why: unknown(name) }, context, exit)
    if (!exit || found.length > 0) tellReservations(found, args.output, context)
    return exit
  },
})

type Query = { user?: string | undefined; filter?: readonly string[] | undefined }

export const list = (client: Client, query: Query): Promise<Answer<ReservationView[]>> =>
  client.json<ReservationView[]>('GET', `/instances${queryOf(query)}`)

const is = (name: string) => (instance: InstanceView) => instance.id === name || instance.name === name

/** The reservations of these instances, with no others in them. */
const only = (wanted: readonly string[], all: readonly ReservationView[]): ReservationView[] =>
  all.flatMap(reservation => {
    const instances = reservation.instances.filter(i => wanted.some(name => is(name)(i)))
    return instances.length > 0 ? [{ ...reservation, instances, systems: [] }] : []
  })

const unknown = (name: string) => `no such instance: ${name}; describe-instances --all lists them`
