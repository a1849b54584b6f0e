import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express'
import type { Logger } from 'pino'
import type { z } from 'zod'
import { type Refusal, refuse } from '../core/refusal.js'
import { loggedPath } from './request.js'

/** What a route answers. Refusals carry their reason as a sentence that says what to do. */
export type Reply = { status: number; body: unknown }
type Code = Refusal['refused'] | 'unauthorized' | 'too-large' | 'internal' | 'unavailable'

const STATUS: Record<Code, number> = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'too-large': 413,
  internal: 500,
  unavailable: 503,
}

export const ok = (body: unknown): Reply => ({ status: 200, body })
export const problem = (code: Code, message: string): Reply => ({
  status: STATUS[code],
  body: { error: { code, message } },
})
export const refusal = ({ refused, why }: Refusal): Reply => problem(refused, why)

/** The value, or a refusal that names the field: `memsize: is not a whole number`. */
export function check<T extends z.ZodType>(schema: T, input: unknown): { value: z.infer<T> } | Refusal {
  const { success, data, error } = schema.safeParse(input)
  if (success) return { value: data }
  const why = error.issues.slice(0, 3).map(i => `${i.path.join('.') || 'request'}: ${i.message}`)
  return refuse('invalid', why.join('; '))
}

/** Turns a function from request to reply into a route that answers JSON. */
export const json =
  <Params = Request['params']>(
    answer: (req: Request<Params>, res: Response) => Promise<Reply> | Reply,
  ): RequestHandler<Params> =>
  async (req, res) => {
    const { status, body } = await answer(req, res)
    if (!res.destroyed) res.status(status).json(body)
  }

export type Send = (res: Response, reply: Reply) => void

export const sendJson: Send = (res, { status, body }) => res.status(status).json(body)

/** For machines: iPXE and a person with curl read a line of text more easily than JSON. */
export const sendText: Send = (res, { status, body }) => {
  const { error } = body as { error: { message: string } }
  res.status(status).type('text/plain').send(`${error.message}\n`)
}

/** The parser's own words leave open what it parsed. */
const complaint = ({ type, message }: { type?: string; message: string }) =>
  type === 'entity.parse.failed' ? `the body is not JSON: ${message}` : message

/**
 * The last handler. Faults of the client (a body too long, JSON that is none, a path that does not decode) keep their
 * status; everything else is ours: logged whole and answered without detail.
 */
export const onError =
  (log: Logger, sendFor: (req: Request) => Send): ErrorRequestHandler =>
  (error, req, res, _next) => {
    const send = sendFor(req)
    const status = Number(error?.status)
    const ours = !(status >= 400 && status < 500)
    if (ours) log.error({ err: error, method: req.method, path: loggedPath(req) }, 'request failed')
    if (res.headersSent) return void res.destroy()
    if (ours) send(res, problem('internal', 'muster failed on this request: its log says why'))
    else if (status === 413) send(res, problem('too-large', `the body is longer than ${error.limit} bytes`))
    else send(res, { ...problem('invalid', complaint(error)), status })
  }
