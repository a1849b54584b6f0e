import type { Request, Router } from 'express'
import { problem, sendText } from '../reply.js'
import { exactRouter } from '../request.js'
import { sendFile } from '../sendFile.js'

export type MediaRoutes = {
  /** A file of a build that may be handed out; undefined for any other. */
  mediumFile: (
    medium: string,
    build: string,
    file: string,
  ) => Promise<{ path: string; sha256: string } | undefined>
}

type Place = { medium: string; build: string; file: string }

/** Kernels, initrds and images: hundreds of MB each, the same for everybody, nothing secret in them. */
export function mediaRoutes({ mediumFile }: MediaRoutes): Router {
  return exactRouter().get('/boot/media/:medium/:build/:file', async (req: Request<Place>, res) => {
    const { medium, build, file } = req.params
    const found = await mediumFile(medium, build, file)
    const sent = found && (await sendFile(req, res, { path: found.path, etag: `"${found.sha256}"` }))
    if (!sent)
      sendText(
        res,
        problem('not-found', `no file ${JSON.stringify(file)} in this build of ${JSON.stringify(medium)}`),
      )
  })
}
