import type { Router } from 'express'
import type { Directory } from '../../control/directory.js'
import type { AuthorityView } from '../../core/authorityView.js'
import { json, ok } from '../reply.js'
import { exactRouter } from '../request.js'

export type DirectoryRoutes = { directory: Directory; authority: AuthorityView }

/** For other programs: how nodes are reached, and how they are told from others. */
export function directoryRoutes({ directory, authority }: DirectoryRoutes): Router {
  return exactRouter()
    .get(
      '/ca',
      json(() => ok(authority)),
    )
    .get('/known-hosts', async (_req, res) => {
      res.type('text/plain').send(await directory.knownHosts())
    })
    .get(
      '/inventory',
      json(async () => ok(await directory.inventory())),
    )
}
