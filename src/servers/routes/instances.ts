import type { Request, Router } from 'express'
import { z } from 'zod'
import type { Converger } from '../../control/converging.js'
import type { Instances } from '../../control/instances.js'
import { WIPES } from '../../core/instance.js'
import { LONGEST_USER_DATA } from '../../core/instanceView.js'
import { MIN_NODES } from '../../core/pool.js'
import { isRefusal, type Refusal } from '../../core/refusal.js'
import { check, json, ok, problem, type Reply, refusal } from '../reply.js'
import { exactRouter } from '../request.js'
import { severalSchema } from './schemas.js'

export type InstanceRoutes = { instances: Instances; plan: Converger['plan'] }

/** The form and the bounds; what a name, a user or a tag may be is known further in. */
const name = z.string().min(1).max(128)
const names = z.array(name).min(1).max(1000)
const tags = z.record(z.string().max(128), z.string().max(256))
const userData = z
  .base64('is not base64')
  .max(Math.ceil(LONGEST_USER_DATA / 3) * 4, `is longer than ${LONGEST_USER_DATA} bytes`)

const COUNT = 'must be a whole number from 1 to 1000'
const wanted = {
  user: name,
  count: z.number(COUNT).int(COUNT).min(1, COUNT).max(1000, COUNT).exactOptional(),
  group: name.exactOptional(),
  systems: names.exactOptional(),
  filter: z.array(z.string().max(256)).max(32).exactOptional(),
  prefer: name.exactOptional(),
}
const reserveSchema = z.strictObject(wanted)
const runSchema = z.strictObject({
  ...wanted,
  profile: name.exactOptional(),
  name: name.exactOptional(),
  userData: userData.exactOptional(),
  minNodes: z.number().int().min(MIN_NODES.least).max(MIN_NODES.most).exactOptional(),
  tags: tags.exactOptional(),
  clientToken: name.exactOptional(),
  dryRun: z.boolean().exactOptional(),
})

/** A call that names nobody would mean everybody: it is refused. */
const NAMED = 'names nobody: give'
const chosen = { instances: names.exactOptional(), user: name.exactOptional() }
const isNamed = (call: { instances?: unknown; user?: unknown }) =>
  call.instances !== undefined || call.user !== undefined
const chosenSchema = z.strictObject(chosen).refine(isNamed, `${NAMED} instances or user`)
const convergeSchema = z.strictObject(chosen) // nothing is lost by it: all may be meant
const terminateSchema = z
  .strictObject({ ...chosen, wipe: z.enum(WIPES).exactOptional(), powerOff: z.boolean().exactOptional() })
  .refine(isNamed, `${NAMED} instances or user`)
const releaseSchema = z
  .strictObject({ systems: names.exactOptional(), user: name.exactOptional() })
  .refine(call => call.systems !== undefined || call.user !== undefined, `${NAMED} systems or user`)

const tagSchema = z.strictObject({ resources: names, tags })
const untagSchema = z.strictObject({ resources: names, keys: names })
const consoleSchema = z.strictObject({
  after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
})
const listSchema = z.strictObject({ user: name.exactOptional(), filter: severalSchema })

type One = Request<{ instance: string }>

/** Instances, the machines that are held for them, and tags on both. */
export function instanceRoutes({ instances, plan }: InstanceRoutes): Router {
  /** A route that judges its body, and answers what comes of it. */
  const act = <Schema extends z.ZodType>(
    schema: Schema,
    does: (call: z.infer<Schema>) => Promise<object | Refusal>,
  ) =>
    json(async (req): Promise<Reply> => {
      const call = check(schema, req.body)
      if (isRefusal(call)) return refusal(call)
      const done = await does(call.value)
      return isRefusal(done) ? refusal(done) : ok(done)
    })

  async function list(req: Request): Promise<Reply> {
    const query = check(listSchema, req.query)
    if (isRefusal(query)) return refusal(query)
    const found = await instances.list(query.value)
    return isRefusal(found) ? refusal(found) : ok(found)
  }

  const unknown = (instance: string) =>
    problem('not-found', `no instance ${JSON.stringify(instance)}: describe-instances lists them`)

  async function describe({ params }: One): Promise<Reply> {
    const found = await instances.find(params.instance)
    return found ? ok(found) : unknown(params.instance)
  }

  async function steps({ params }: One): Promise<Reply> {
    const found = await instances.steps(params.instance)
    return found ? ok(found) : unknown(params.instance)
  }

  async function planOf({ params }: One): Promise<Reply> {
    const found = await plan(params.instance)
    return isRefusal(found) ? refusal(found) : ok(found)
  }

  async function console({ params, query }: One): Promise<Reply> {
    const from = check(consoleSchema, query)
    if (isRefusal(from)) return refusal(from)
    const told = await instances.console(params.instance, from.value.after)
    return told ? ok(told) : unknown(params.instance)
  }

  return exactRouter()
    .get('/instances', json(list))
    .post(
      '/instances',
      act(runSchema, call => instances.run(call)),
    )
    .post(
      '/instances/terminate',
      act(terminateSchema, call => instances.terminate(call)),
    )
    .post(
      '/instances/retry',
      act(chosenSchema, call => instances.retry(call)),
    )
    .post(
      '/instances/reboot',
      act(chosenSchema, call => instances.reboot(call)),
    )
    .post(
      '/instances/converge',
      act(convergeSchema, call => instances.converge(call)),
    )
    .get('/instances/:instance', json(describe))
    .get('/instances/:instance/console', json(console))
    .get('/instances/:instance/steps', json(steps))
    .get('/instances/:instance/plan', json(planOf))
    .post(
      '/reservations',
      act(reserveSchema, call => instances.reserve(call)),
    )
    .post(
      '/reservations/release',
      act(releaseSchema, call => instances.release(call)),
    )
    .post(
      '/tags',
      act(tagSchema, ({ resources, tags }) => instances.tag(resources, tags)),
    )
    .post(
      '/tags/delete',
      act(untagSchema, ({ resources, keys }) => instances.untag(resources, keys)),
    )
}
