import express, { type Express, type Request, type Response } from 'express'
import type { Logger } from 'pino'
import { onError, problem, type Send, sendJson, sendText } from './reply.js'
import { loggedPath } from './request.js'
import { type ApiRoutes, apiRoutes } from './routes/api.js'
import { type BootRoutes, bootRoutes } from './routes/boot.js'
import { type InstallRoutes, installRoutes } from './routes/install.js'
import { type MediaRoutes, mediaRoutes } from './routes/media.js'
import { type MirrorRoutes, mirrorRoutes } from './routes/mirror.js'
import { type ScoutRoutes, scoutRoutes } from './routes/scout.js'

const SCOUT = '/scout/'
const INSTALL = '/install/'

type MachineRoutes = BootRoutes & MediaRoutes & MirrorRoutes & ScoutRoutes & InstallRoutes

/** The service for machines: what they boot, what the scout tells and what installers do. The last two log as areas of their own. */
export function bootApp(o: MachineRoutes & { scoutLog: Logger; installLog: Logger }): Express {
  const logOf = ({ path }: Request) =>
    path.startsWith(SCOUT) ? o.scoutLog : path.startsWith(INSTALL) ? o.installLog : o.log
  const app = base(logOf)
    .use(bootRoutes(o))
    .use(mediaRoutes(o))
    .use(mirrorRoutes(o))
    .use(scoutRoutes({ ...o, log: o.scoutLog }))
    .use(installRoutes({ ...o, log: o.installLog }))
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

/** No header: tokens travel there too. */
function logWhenDone(log: Logger, req: Request, res: Response) {
  const { method } = req
  const path = loggedPath(req)
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
