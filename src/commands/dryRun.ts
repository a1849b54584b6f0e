import type { ReservationView } from '../core/instanceView.js'
import type { Client } from './client.js'
import { type Context, EXIT, type Exit } from './command.js'
import { diskOf } from './instanceQueries.js'
import { json, type Output, record, table } from './render.js'

const HEAD = ['system', 'group', 'name', 'profile', 'disk', 'path']

/** What run-instances would do: nothing of it was done. */
export async function tellPlan(
  client: Client,
  reservation: ReservationView,
  output: Output,
  { out, err }: Context,
): Promise<Exit> {
  if (output === 'json') {
    out(json(reservation))
    return EXIT.ok
  }
  const rows = await Promise.all(
    reservation.instances.map(async i => {
      return [i.system, i.group, i.name, i.profile, await diskOf(client, i), i.disk]
    }),
  )
  if (output === 'text') for (const row of rows) out(record('PLAN', row))
  else out(table(HEAD, rows))
  err('This is what would be written; nothing was done.')
  return EXIT.ok
}
