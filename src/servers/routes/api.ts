import { createHash, timingSafeEqual } from 'node:crypto'
import express, { type NextFunction, type Request, type Response, type Router } from 'express'
import type { Logger } from 'pino'
import { json, ok, problem, sendJson } from '../reply.js'
import { bearerToken, exactRouter, peerAddress } from '../request.js'
import { type DirectoryRoutes, directoryRoutes } from './directory.js'
import { type InstanceRoutes, instanceRoutes } from './instances.js'
import { type JoiningRoutes, joiningRoutes } from './joining.js'
import { type PoolRoutes, poolRoutes } from './pools.js'
import { type ProfileRoutes, profileRoutes } from './profiles.js'
import { type SystemRoutes, systemRoutes } from './systems.js'

export type ApiRoutes = SystemRoutes &
  InstanceRoutes &
  PoolRoutes &
  ProfileRoutes &
  DirectoryRoutes &
  JoiningRoutes & {
    /** The last packets as a pcap file. */
    packets: () => Buffer
    /** Version, addresses, counters: whatever the daemon tells about itself. */
    status: () => object
    token: string
    log: Logger
  }

const BODY_LIMIT = 64 * 1024 // bytes; user data are the longest

/** The owner's API: everything under /api/v1, behind the bearer token. */
export function apiRoutes(o: ApiRoutes): Router {
  const { packets, status, token, log } = o
  const wanted = digest(token)

  function authorize(req: Request, res: Response, next: NextFunction) {
    const given = bearerToken(req)
    if (given !== undefined && timingSafeEqual(digest(given), wanted)) return next()
    log.warn({ address: peerAddress(req), path: req.path }, 'API token refused')
    res.set('www-authenticate', 'Bearer realm="muster"')
    sendJson(res, problem('unauthorized', 'needs the token of STATE-DIR/api-token: set MUSTER_TOKEN to it'))
  }

  const body = express.json({ limit: BODY_LIMIT, inflate: false, type: () => true }) // curl -d calls it a form
  const daemon = exactRouter()
    .get(
      '/status',
      json(() => ok(status())),
    )
    .get('/packets.pcap', (_req, res) => void res.type('application/vnd.tcpdump.pcap').send(packets()))
  return exactRouter().use(
    '/api/v1',
    authorize,
    body,
    systemRoutes(o),
    instanceRoutes(o),
    poolRoutes(o),
    profileRoutes(o),
    directoryRoutes(o),
    joiningRoutes(o),
    daemon,
  )
}

const digest = (text: string) => createHash('sha256').update(text).digest()
