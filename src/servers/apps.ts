import express, { type Express, type Request, type Response } from 'express'
import type { Logger } from 'pino'
import { onError, problem, type Send, sendJson, sendText } from './reply.js'
import { type ApiRoutes, apiRoutes } from './routes/api.js'
import { type BootRoutes, bootRoutes } from './routes/boot.js'
import { type ScoutRoutes, scoutRoutes } from './routes/scout.js'

const SCOUT = '/scout/'

/** The service for machines: what they boot, and what the scout tells, which logs as an area of its own. */
export function bootApp(o: BootRoutes & ScoutRoutes & { scoutLog: Logger }): Express {
  const app = base(req => (req.path.startsWith(SCOUT) ? o.scoutLog : o.log))
    .use(bootRoutes(o))
    .use(scoutRoutes({ ...o, log: o.scoutLog }))
  return end(app, o.log, sendText, SCOUT)
}

/** The owner's service. */
export function apiApp(o: ApiRoutes): Express {
  return end(base(() => o.log).use(apiRoutes(o)), o.log, sendJson, '/')
}

function base(logOf: (req: Request) => Logger): Express {
  const app = express()
  app.disable('x-powered-by').disable('etag')
  app.set('query parser', 'simple') // a=1&a=2 is a list, which no schema takes; no objects
  app.use((req, res, next) => {
    res.set('x-content-type-options', 'nosniff')
    const log = logOf(req)
    if (log.isLevelEnabled('debug')) logWhenDone(log, req, res)
    next()
  })
  return app.get('/healthz', (_req, res) => void res.type('text/plain').send('ok\n'))
}

/** The path without its query, and no header: tokens travel in both. */
function logWhenDone(log: Logger, { method, path }: Request, res: Response) {
  const begun = performance.now()
  res.once('close', () =>
    log.debug({ method, path, status: res.statusCode, ms: Math.round(performance.now() - begun) }, 'request'),
  )
}

function end(app: Express, log: Logger, otherwise: Send, jsonBelow: string): Express {
  const sendFor = (req: Request) => (req.path.startsWith(jsonBelow) ? sendJson : otherwise)
  return app
    .use((req, res) => sendFor(req)(res, problem('not-found', `nothing at ${req.method} ${req.path}`)))
    .use(onError(log, sendFor))
}
