import type { Request, Response, Router } from 'express'
import type { Logger } from 'pino'
import { type FileHead, type MirrorAnswer, type MirrorFile, mirrorPath } from '../../core/mirror.js'
import { parseRange } from '../../wire/range.js'
import { problem, refusal, sendText } from '../reply.js'
import { exactRouter, peerAddress } from '../request.js'

export type MirrorRoutes = {
  mirror: (name: string, path: string, how: { head: boolean; again: boolean }) => Promise<MirrorAnswer>
  log: Logger
}

type Wanted = Request<{ name: string; path: string[] }>

/** Files of distributions, for installers and installed machines. Nothing here is secret, or more than was configured. */
export function mirrorRoutes({ mirror, log }: MirrorRoutes): Router {
  async function serve(req: Wanted, res: Response) {
    const { name } = req.params
    const path = mirrorPath(req.params.path)
    if (typeof path !== 'string') return sendText(res, refusal(path))
    if (req.originalUrl.includes('?')) return sendText(res, problem('invalid', 'a mirror takes no query'))
    const again = /\bno-cache\b/.test(req.get('cache-control') ?? '')
    const answer = await mirror(name, path, { head: req.method === 'HEAD', again })
    if ('status' in answer) {
      const { status, why } = answer
      return sendText(res, { ...problem('not-found', why), status })
    }
    try {
      await send(req, res, answer)
    } catch (cause) {
      log.warn({ path: req.path, address: peerAddress(req), why: String(cause) }, 'mirror: cut short')
      res.destroy() // the client sees that it is not whole
    } finally {
      await answer.close()
    }
  }

  return exactRouter().get('/mirror/:name/*path', serve)
}

async function send(req: Request, res: Response, file: MirrorFile): Promise<void> {
  const { head } = file
  res.set({ ...fieldsOf(head), 'x-cache': file.source })
  if (req.fresh) return void res.status(304).end()
  const size = head.size
  const range =
    size === undefined ? 'whole' : parseRange(sameFile(req, head) ? req.get('range') : undefined, size)
  if (range === 'unsatisfiable') {
    res.set('content-range', `bytes */${size}`).removeHeader('content-type')
    return void res.status(416).end()
  }
  if (range !== 'whole') res.status(206).set('content-range', `bytes ${range.start}-${range.end}/${size}`)
  const { start, end } =
    range === 'whole' ? { start: 0, end: size === undefined ? undefined : size - 1 } : range
  if (end !== undefined) res.set('content-length', String(end + 1 - start))
  if (req.method === 'HEAD') return void res.end()
  res.flushHeaders() // who waits for a slow mirror knows that it is heard
  for await (const piece of file.bytes(start, end)) {
    if (res.destroyed) return
    if (!res.write(piece)) await drained(res)
  }
  res.end()
}

function fieldsOf({ type, encoding, etag, modified, size }: FileHead): Record<string, string> {
  return {
    'content-type': type ?? 'application/octet-stream',
    ...(encoding && { 'content-encoding': encoding }),
    ...(etag && { etag }),
    ...(modified && { 'last-modified': modified }),
    ...(size !== undefined && { 'accept-ranges': 'bytes' }),
  }
}

/** RFC 9110 section 13.1.5: a range of another version of the file is not what was asked for. */
function sameFile(req: Request, { etag, modified }: FileHead): boolean {
  const wanted = req.get('if-range')
  return wanted === undefined || wanted === etag || wanted === modified
}

/** Until the client takes more, or is gone. */
const drained = (res: Response) =>
  new Promise<void>(resolve => {
    const over = () => {
      res.off('drain', over).off('close', over)
      resolve()
    }
    res.on('drain', over).on('close', over)
  })
