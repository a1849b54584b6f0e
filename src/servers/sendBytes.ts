import type { Request, Response } from 'express'
import { type ByteRange, parseRange } from '../wire/range.js'

type Version = { readonly etag?: string; readonly modified?: Date }
export type Bytes = Version & { readonly bytes: Buffer }

/** Sends a file that is in memory, or one range of it. */
export function sendBytes(req: Request, res: Response, { bytes, ...version }: Bytes, type: string) {
  const range = beginBytes(req, res, { ...version, size: bytes.length }, type)
  if (range) res.end(req.method === 'HEAD' ? undefined : bytes.subarray(range.start, range.end + 1))
}

/**
 * The status and the headers of a file or of the range that is asked for, with its exact Content-Length (UEFI HTTP boot
 * asks for it with HEAD and then believes it).
 * @returns what is to be sent; undefined when the answer is complete without
 */
export function beginBytes(
  req: Request,
  res: Response,
  { size, etag, modified }: Version & { readonly size: number },
  type: string,
): ByteRange | undefined {
  res.set({ 'content-type': type, 'accept-ranges': 'bytes' })
  if (etag) res.set('etag', etag)
  if (modified) res.set('last-modified', modified.toUTCString())
  if (req.fresh) return void res.status(304).end()

  const range = parseRange(sameFile(req, res) ? req.get('range') : undefined, size)
  if (range === 'unsatisfiable') {
    res.set('content-range', `bytes */${size}`).removeHeader('content-type')
    return void res.status(416).end()
  }
  const { start, end } = range === 'whole' ? { start: 0, end: size - 1 } : range
  if (range !== 'whole') res.status(206).set('content-range', `bytes ${start}-${end}/${size}`)
  res.set('content-length', String(end + 1 - start))
  return { start, end }
}

/** RFC 9110 section 13.1.5: a range of another version of the file is not what was asked for. */
function sameFile(req: Request, res: Response): boolean {
  const wanted = req.get('if-range')
  return wanted === undefined || wanted === res.get('etag') || wanted === res.get('last-modified')
}
