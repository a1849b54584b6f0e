import express, { type NextFunction, type Request, type Response, type Router } from 'express'
import type { Logger } from 'pino'
import { z } from 'zod'
import type { Inventory } from '../../control/inventory.js'
import { factsSchema } from '../../core/facts.js'
import type { Machine, MachineId } from '../../core/machine.js'
import { isRefusal } from '../../core/refusal.js'
import { longPoll } from '../longPoll.js'
import { check, json, ok, problem, type Reply, refusal, sendJson } from '../reply.js'
import { bearerToken, exactRouter, peerAddress } from '../request.js'

export type ScoutRoutes = {
  inventory: Pick<Inventory, 'scoutOf' | 'recordFacts' | 'nextOrder' | 'orderDone' | 'onChange'>
  closing: AbortSignal
  log: Logger
}

const FACTS_LIMIT = 256 * 1024 // bytes

const waitSchema = z.strictObject({ wait: z.coerce.number().min(0).max(60).default(50) }) // seconds
const orderIdSchema = z.object({ id: z.coerce.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER) })

type Locals = { machine: Machine }

/** What a machine in the scout says and asks. Its token says which machine it is. */
export function scoutRoutes({ inventory, closing, log }: ScoutRoutes): Router {
  const polls = new Map<MachineId, AbortController>()

  /** Before the body is read: who has no token cannot make us parse anything. */
  async function identify(req: Request, res: Response<unknown, Locals>, next: NextFunction) {
    const token = bearerToken(req)
    const machine = token === undefined ? undefined : await inventory.scoutOf(token)
    if (machine) {
      res.locals.machine = machine
      return next()
    }
    log.warn({ address: peerAddress(req), path: req.path }, 'unknown scout')
    sendJson(res, problem('unauthorized', 'unknown scout token: netboot this machine again to get a new one'))
  }

  async function facts(req: Request, machine: Machine): Promise<Reply> {
    const posted = check(factsSchema, req.body)
    const recorded = isRefusal(posted)
      ? posted
      : await inventory.recordFacts(machine, posted.value, peerAddress(req))
    if (isRefusal(recorded)) {
      log.warn({ machine: machine.id, address: peerAddress(req), why: recorded.why }, 'facts refused')
      return refusal(recorded)
    }
    const { id, name, state } = recorded
    return ok({ id, name, state })
  }

  /** One poll for each machine: a machine that asks again has lost its older connection. */
  async function orders(req: Request, res: Response, { id }: Machine): Promise<Reply> {
    const query = check(waitSchema, req.query)
    if (isRefusal(query)) return refusal(query)
    polls.get(id)?.abort()
    const poll = new AbortController()
    polls.set(id, poll)
    res.once('close', () => poll.abort())
    const order = await longPoll({
      look: () => inventory.nextOrder(id, bearerToken(req) ?? ''),
      subscribe: inventory.onChange,
      concerns: change => change.machine === id,
      wait: query.value.wait * 1000,
      ended: [poll.signal, closing],
    })
    if (polls.get(id) === poll) polls.delete(id)
    if (!order) return ok({ order: 'wait' })
    const { kind, ...rest } = order
    return ok({ order: kind, ...rest })
  }

  async function done(req: Request, { id }: Machine): Promise<Reply> {
    const order = check(orderIdSchema, req.params)
    if (isRefusal(order)) return refusal(order)
    const known = await inventory.orderDone(id, order.value.id)
    return known ? ok({}) : problem('not-found', `no order ${order.value.id} is open for this machine`)
  }

  const machineOf = (res: Response) => (res as Response<unknown, Locals>).locals.machine

  return exactRouter()
    .use('/scout/v1', identify)
    .post(
      '/scout/v1/facts',
      express.json({ limit: FACTS_LIMIT, inflate: false, type: () => true }),
      json((req, res) => facts(req, machineOf(res))),
    )
    .get(
      '/scout/v1/orders',
      json((req, res) => orders(req, res, machineOf(res))),
    )
    .post(
      '/scout/v1/orders/:id/done',
      json((req, res) => done(req, machineOf(res))),
    )
}
