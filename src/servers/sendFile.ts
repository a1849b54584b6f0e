import { constants, open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { Request, Response } from 'express'
import { beginBytes } from './sendBytes.js'

/** Bytes read ahead for each client. A disk reads them at once; many clients do not fill the memory with them. */
const READ_AHEAD = 256 * 1024

/**
 * Streams a file, or one range of it, at the client's pace. A client that takes nothing for the listener's idle time is
 * cut by it, and its file closed.
 * @returns false when there is no such file; a link is none
 * @throws Error (rejects) when it cannot be read
 */
export async function sendFile(
  req: Request,
  res: Response,
  { path, etag }: { path: string; etag: string },
): Promise<boolean> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((cause: unknown) => {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ELOOP') return undefined
    throw new Error(`cannot read ${path}`, { cause })
  })
  if (!handle) return false
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) return false
    const range = beginBytes(
      req,
      res,
      { size: stat.size, etag, modified: stat.mtime },
      'application/octet-stream',
    )
    if (!range) return true
    if (req.method === 'HEAD' || range.end < range.start) {
      res.end()
      return true
    }
    const file = handle.createReadStream({ ...range, highWaterMark: READ_AHEAD, autoClose: false })
    await pipeline(file, res)
  } catch (cause) {
    if (!res.destroyed) throw new Error(`cannot send ${path}`, { cause })
  } finally {
    await handle.close()
  }
  return true
}
