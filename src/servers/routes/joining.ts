import type { Request, Router } from 'express'
import type { Joining } from '../../control/joinQueue.js'
import { isRefusal } from '../../core/refusal.js'
import { summaryOf } from '../../core/summary.js'
import { json, ok, type Reply, refusal } from '../reply.js'
import { exactRouter } from '../request.js'

export type JoiningRoutes = { joining: Pick<Joining, 'rules' | 'explain' | 'allow'> }

type System = Request<{ system: string }>

/** The rules by which machines join by themselves, and what they say to one. */
export function joiningRoutes({ joining }: JoiningRoutes): Router {
  async function explain({ params }: System): Promise<Reply> {
    const explained = await joining.explain(params.system)
    return isRefusal(explained) ? refusal(explained) : ok(explained)
  }

  async function allow({ params }: System): Promise<Reply> {
    const allowed = await joining.allow(params.system)
    return isRefusal(allowed) ? refusal(allowed) : ok(summaryOf(allowed))
  }

  return exactRouter()
    .get(
      '/join-rules',
      json(async () => ok(await joining.rules())),
    )
    .get('/systems/:system/explanation', json(explain))
    .post('/systems/:system/allow-join', json(allow))
}
