import { constants, open } from 'node:fs/promises'

/** A file's content at one moment, shared by all who send it. */
export type SharedFile = {
  readonly bytes: Buffer
  readonly etag: string
  readonly modified: Date
}

type Held = { etag: string; file: Promise<SharedFile>; forget: NodeJS.Timeout }

/**
 * Reads files into memory once for all clients. A rack that netboots loads one initrd a thousand times: from one
 * buffer that costs the CPU of nginx's sendfile and the memory of one file, where a stream for each client costs
 * twice to three times the CPU and a quarter of a MiB each. A file that was replaced is read anew, while transfers
 * of the old one end with the old content.
 * @param keep ms after the last use until the memory is given back
 */
export function createSharedFiles(keep = 30_000) {
  const held = new Map<string, Held>()

  /**
   * @returns undefined when there is no such file; a link is none, so that nothing outside the folder is served
   * @throws Error (rejects) when it cannot be read
   */
  return async function read(path: string): Promise<SharedFile | undefined> {
    const handle = await openIfThere(path)
    if (!handle) return undefined
    try {
      const stat = await handle.stat()
      if (!stat.isFile()) return undefined
      const { size, mtimeMs, mtime, ino } = stat
      const etag = `"${[size, Math.round(mtimeMs), ino].map(n => n.toString(36)).join('-')}"`
      const known = held.get(path)
      if (known?.etag === etag) {
        known.forget.refresh()
        return await known.file
      }
      clearTimeout(known?.forget)
      const file = handle.readFile().then(bytes => ({ bytes, etag, modified: mtime }))
      const forget = setTimeout(() => held.delete(path), keep).unref()
      held.set(path, { etag, file, forget })
      file.catch(() => {
        if (held.get(path)?.file === file) held.delete(path)
      })
      return await file
    } finally {
      await handle.close()
    }
  }
}

async function openIfThere(path: string) {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ELOOP') return undefined
    throw new Error(`cannot read ${path}`, { cause })
  }
}
