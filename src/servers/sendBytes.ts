import type { Request, Response } from 'express'
import { parseRange } from '../wire/range.js'

export type Bytes = { readonly bytes: Buffer; readonly etag?: string; readonly modified?: Date }

/**
 * Sends a file that is in memory, or one range of it, with its exact Content-Length (UEFI HTTP boot asks for it with
 * HEAD and then believes it).
 */
export function sendBytes(req: Request, res: Response, { bytes, etag, modified }: Bytes, type: string) {
  res.set({ 'content-type': type, 'accept-ranges': 'bytes' })
  if (etag) res.set('etag', etag)
  if (modified) res.set('last-modified', modified.toUTCString())
  if (req.fresh) return void res.status(304).end()

  const range = parseRange(sameFile(req, res) ? req.get('range') : undefined, bytes.length)
  if (range === 'unsatisfiable') {
    res.set('content-range', `bytes */${bytes.length}`).removeHeader('content-type')
    return void res.status(416).end()
  }
  const { start, end } = range === 'whole' ? { start: 0, end: bytes.length - 1 } : range
  if (range !== 'whole') res.status(206).set('content-range', `bytes ${start}-${end}/${bytes.length}`)
  res.set('content-length', String(end + 1 - start))
  res.end(req.method === 'HEAD' ? undefined : bytes.subarray(start, end + 1))
}

/** RFC 9110 section 13.1.5: a range of another version of the file is not what was asked for. */
function sameFile(req: Request, res: Response): boolean {
  const wanted = req.get('if-range')
  return wanted === undefined || wanted === res.get('etag') || wanted === res.get('last-modified')
}
