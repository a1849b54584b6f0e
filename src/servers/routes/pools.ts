import type { Request, Router } from 'express'
import { z } from 'zod'
import type { Instances } from '../../control/instances.js'
import { MIN_NODES } from '../../core/pool.js'
import { isRefusal } from '../../core/refusal.js'
import { check, json, ok, type Reply, refusal } from '../reply.js'
import { exactRouter } from '../request.js'

export type PoolRoutes = { instances: Pick<Instances, 'pools' | 'setMinNodes'> }

const changeSchema = z.strictObject({ minNodes: z.number().int().min(MIN_NODES.least).max(MIN_NODES.most) })

/** Groups as pools: their nodes, who is the master, what they wait for. */
export function poolRoutes({ instances }: PoolRoutes): Router {
  async function change(req: Request<{ pool: string }>): Promise<Reply> {
    const wish = check(changeSchema, req.body)
    if (isRefusal(wish)) return refusal(wish)
    const changed = await instances.setMinNodes(req.params.pool, wish.value.minNodes)
    return isRefusal(changed) ? refusal(changed) : ok(changed)
  }

  return exactRouter()
    .get(
      '/pools',
      json(async () => ok(await instances.pools())),
    )
    .patch('/pools/:pool', json(change))
}
