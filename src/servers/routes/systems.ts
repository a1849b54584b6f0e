import type { Request, Response, Router } from 'express'
import { z } from 'zod'
import type { Inventory } from '../../control/inventory.js'
import { matches, parseFilters, SYSTEM_FIELDS, systemFields } from '../../core/filter.js'
import { LOCAL_BOOTS, type Machine, type MachineEvent } from '../../core/machine.js'
import { GIVEN_ORDERS } from '../../core/order.js'
import { isRefusal } from '../../core/refusal.js'
import { descriptionOf, summaryOf } from '../../core/summary.js'
import { longPoll } from '../longPoll.js'
import { check, json, ok, problem, type Reply, refusal } from '../reply.js'
import { exactRouter } from '../request.js'
import { severalSchema } from './schemas.js'

export type SystemRoutes = {
  inventory: Pick<
    Inventory,
    'list' | 'find' | 'apply' | 'change' | 'wake' | 'giveOrder' | 'events' | 'onChange'
  >
  closing: AbortSignal
}

const label = z.string().max(64) // the inventory knows what a name may be
const changeSchema = z
  .strictObject({
    group: label.exactOptional(),
    name: label.exactOptional(),
    localBoot: z.enum(LOCAL_BOOTS).exactOptional(),
    profile: label.exactOptional(),
  })
  .refine(
    change => Object.keys(change).length > 0,
    'names nothing to change: give group, name, localBoot or profile',
  )
const orderSchema = z.strictObject({ order: z.enum(GIVEN_ORDERS) })
const wakeSchema = z.strictObject({ systems: z.array(z.string().min(1).max(64)).min(1).max(1000) })
const listSchema = z.strictObject({ filter: severalSchema })
const eventsSchema = z.strictObject({
  after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).exactOptional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  wait: z.coerce.number().min(0).max(60).default(0), // seconds
  system: z.string().min(1).max(64).exactOptional(),
})

/** Each is a POST that applies one event of the machine's life. */
const VERBS = ['protect', 'unprotect', 'enable-netboot', 'disable-netboot'] as const satisfies MachineEvent[]

type System = Request<{ system: string }>

/** The machines and what was seen of them. */
export function systemRoutes({ inventory, closing }: SystemRoutes): Router {
  async function list(req: Request): Promise<Reply> {
    const query = check(listSchema, req.query)
    if (isRefusal(query)) return refusal(query)
    const filters = parseFilters(query.value.filter, SYSTEM_FIELDS)
    if (isRefusal(filters)) return refusal(filters)
    const machines = await inventory.list()
    return ok(machines.filter(machine => matches(filters, fieldsOf(machine))).map(summaryOf))
  }

  const unknown = (system: string) =>
    problem('not-found', `no system ${JSON.stringify(system)}: describe-systems lists them all`)

  async function describe({ params }: System): Promise<Reply> {
    const machine = await inventory.find(params.system)
    return machine ? ok(descriptionOf(machine)) : unknown(params.system)
  }

  async function change(req: System): Promise<Reply> {
    const wish = check(changeSchema, req.body)
    if (isRefusal(wish)) return refusal(wish)
    const changed = await inventory.change(req.params.system, wish.value)
    return isRefusal(changed) ? refusal(changed) : ok(summaryOf(changed))
  }

  async function apply(req: System, event: MachineEvent): Promise<Reply> {
    const machine = await inventory.apply(req.params.system, event)
    return isRefusal(machine) ? refusal(machine) : ok(summaryOf(machine))
  }

  async function wake(req: Request): Promise<Reply> {
    const wish = check(wakeSchema, req.body)
    if (isRefusal(wish)) return refusal(wish)
    const woken = await inventory.wake(wish.value.systems)
    return isRefusal(woken) ? refusal(woken) : ok(woken.map(summaryOf))
  }

  async function order(req: System): Promise<Reply> {
    const wish = check(orderSchema, req.body)
    if (isRefusal(wish)) return refusal(wish)
    const given = await inventory.giveOrder(req.params.system, wish.value.order)
    return isRefusal(given) ? refusal(given) : ok(given)
  }

  async function events(req: Request, res: Response): Promise<Reply> {
    const query = check(eventsSchema, req.query)
    if (isRefusal(query)) return refusal(query)
    const { wait, system, ...range } = query.value
    if (system && !(await inventory.find(system))) return unknown(system)
    const gone = new AbortController()
    res.once('close', () => gone.abort())
    const found = await longPoll({
      look: async () => {
        const events = await inventory.events({ ...range, ...(system && { machine: system }) })
        return events.length > 0 ? events : undefined
      },
      subscribe: inventory.onChange,
      concerns: () => true,
      wait: wait * 1000,
      ended: [gone.signal, closing],
    })
    return ok(found ?? [])
  }

  const routes = exactRouter()
    .get('/systems', json(list))
    .post('/systems/wake', json(wake))
    .get('/systems/:system', json(describe))
    .patch('/systems/:system', json(change))
    .post('/systems/:system/orders', json(order))
    .get('/events', json(events))
  for (const verb of VERBS)
    routes.post(
      `/systems/:system/${verb}`,
      json((req: System) => apply(req, verb)),
    )
  return routes
}

const fieldsOf = (machine: Machine) => {
  const { hold, instance, profile, tags } = machine
  return systemFields(machine, { user: hold?.user, instance: instance?.id, profile, tags })
}
