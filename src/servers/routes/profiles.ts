import type { Router } from 'express'
import type { ProfileViews } from '../../control/profileViews.js'
import { json, ok } from '../reply.js'
import { exactRouter } from '../request.js'

export type ProfileRoutes = { profileViews: ProfileViews }

/** What can be installed. */
export function profileRoutes({ profileViews }: ProfileRoutes): Router {
  return exactRouter()
    .get(
      '/profiles',
      json(async () => ok(await profileViews.profiles())),
    )
    .get(
      '/distros',
      json(async () => ok(await profileViews.distros())),
    )
}
