import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, statfs, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { FileHead } from '../core/mirror.js'

/**
 * The kept files: FOLDER/HH/HASH, where HASH is the SHA-256 of the file's URL. Each begins with what is known of it as
 * JSON, padded to HEAD_BYTES; then come its bytes. So a file and its description are published by one rename, and no
 * name that a client thinks of ever becomes a name here.
 */
export type MirrorDisk = {
  open(url: string): Promise<Stored | undefined>
  /** A new file that nobody finds before `keep`; undefined when the limit or the disk has no room for its bytes. */
  begin(url: string, bytes: number): Promise<Draft | undefined>
  remove(url: string): Promise<void>
  /** Resolves when all files that were there at the start have been counted. */
  readonly counted: Promise<void>
  totals(): { files: number; bytes: number; evicted: number }
}

export type Stored = {
  readonly head: FileHead & { readonly size: number }
  readonly id: string // changes when the file is replaced
  readonly handle: FileHandle // the reader closes it
}

export type Draft = {
  readonly handle: FileHandle
  /** Publishes what was written. */
  keep(head: FileHead & { size: number }): Promise<void>
  drop(): Promise<void>
}

export const HEAD_BYTES = 4096
const headSchema = z.object({
  url: z.string(),
  size: z.number().int().nonnegative(),
  type: z.string().exactOptional(),
  encoding: z.string().exactOptional(),
  etag: z.string().exactOptional(),
  modified: z.string().exactOptional(),
})

/** The database lives on the same disk, and comes first. */
const LEAVE_FREE = 256 * 1024 * 1024 // bytes
/** How exact the order of use is after a restart: a file's time is written at most this often. */
const TOUCH_MS = 3_600_000

type Kept = { bytes: number; touched: number }

/**
 * What an unfinished download left behind is swept before anything else.
 * @param limit bytes that all files together may have; the ones used longest ago go first
 */
export async function openMirrorDisk(
  folder: string,
  limit: number,
  now: () => number,
  leaveFree = LEAVE_FREE,
): Promise<MirrorDisk> {
  const drafts = join(folder, 'drafts')
  await rm(drafts, { recursive: true, force: true })
  await mkdir(drafts, { recursive: true, mode: 0o700 })
  const kept = new Map<string, Kept>() // by hash; the one used last comes last
  let [bytes, promised, evicted, drafted] = [0, 0, 0, 0]

  const pathOf = (hash: string) => join(folder, hash.slice(0, 2), hash)

  function used(hash: string, file: Kept) {
    kept.delete(hash)
    kept.set(hash, file)
    if (now() - file.touched < TOUCH_MS) return
    file.touched = now()
    const time = new Date(now())
    utimes(pathOf(hash), time, time).catch(() => {}) // it was evicted meanwhile
  }

  async function forget(hash: string) {
    bytes -= kept.get(hash)?.bytes ?? 0
    kept.delete(hash)
    await rm(pathOf(hash), { force: true })
  }

  async function count() {
    const found = (
      await Promise.all((await hexFolders(folder)).map(dir => filesIn(join(folder, dir))))
    ).flat()
    for (const file of found.sort((a, b) => a.touched - b.touched)) {
      if (kept.has(file.hash)) continue // fetched since
      kept.set(file.hash, file)
      bytes += file.bytes
    }
    await room(0)
  }

  /** Makes room for so many bytes beside those that drafts were promised. */
  async function room(wanted: number): Promise<boolean> {
    const needed = wanted + promised
    if (needed > limit) return false
    for (;;) {
      const short = Math.max(bytes + needed - limit, leaveFree + needed - (await freeIn(folder)))
      const [oldest] = kept.keys()
      if (short <= 0) return true
      if (oldest === undefined) return false
      evicted++
      await forget(oldest)
    }
  }

  async function publish(from: string, url: string, head: FileHead & { size: number }) {
    const hash = hashOf(url)
    await mkdir(join(folder, hash.slice(0, 2)), { recursive: true, mode: 0o700 })
    await rename(from, pathOf(hash))
    bytes += head.size - (kept.get(hash)?.bytes ?? 0)
    kept.delete(hash)
    kept.set(hash, { bytes: head.size, touched: now() })
    await room(0)
  }

  const counted = count()
  counted.catch(() => {}) // whoever waits for it hears of it
  return {
    counted,
    remove: url => forget(hashOf(url)),
    totals: () => ({ files: kept.size, bytes, evicted }),
    async open(url) {
      const stored = await openStored(pathOf(hashOf(url)), url)
      const file = kept.get(hashOf(url))
      if (stored && file) used(hashOf(url), file)
      return stored
    },
    async begin(url, size) {
      if (!(await room(size))) return undefined
      const path = join(drafts, String(drafted++))
      const handle = await open(path, 'wx+', 0o600)
      let reserved = size
      promised += reserved
      const settle = () => {
        promised -= reserved
        reserved = 0
      }
      return {
        handle,
        async keep(head) {
          await handle.write(headBytes({ url, ...head }), 0, HEAD_BYTES, 0)
          await handle.datasync() // before the rename: a power cut must not leave a name without its bytes
          settle()
          await publish(path, url, head)
        },
        async drop() {
          settle()
          await rm(path, { force: true })
        },
      }
    },
  }
}

const hashOf = (url: string) => createHash('sha256').update(url).digest('hex')

function headBytes(head: z.infer<typeof headSchema>): Buffer {
  const text = JSON.stringify(head)
  if (Buffer.byteLength(text) > HEAD_BYTES) throw new Error(`the description of ${head.url} is too long`)
  return Buffer.concat([Buffer.from(text)], HEAD_BYTES)
}

/** @returns undefined for a file that is not there, or that is not what was written */
async function openStored(path: string, url: string): Promise<Stored | undefined> {
  const handle = await open(path, 'r').catch(absent)
  if (!handle) return undefined
  try {
    const { buffer } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
    const { size, ino, birthtimeMs } = await handle.stat()
    const head = parsed(buffer)
    if (head?.url === url && size === HEAD_BYTES + head.size)
      return { head, handle, id: `${ino}-${birthtimeMs}` }
  } catch (cause) {
    await handle.close()
    throw new Error(`cannot read ${path}`, { cause })
  }
  await handle.close()
  return undefined
}

function parsed(bytes: Buffer) {
  const end = bytes.indexOf(0)
  try {
    return headSchema.safeParse(JSON.parse(bytes.toString('utf8', 0, end === -1 ? HEAD_BYTES : end))).data
  } catch {
    return undefined // damaged
  }
}

function absent(cause: NodeJS.ErrnoException): undefined {
  if (cause.code !== 'ENOENT') throw cause
}

const hexFolders = async (folder: string) =>
  (await readdir(folder)).filter(name => /^[0-9a-f]{2}$/.test(name))

async function filesIn(folder: string) {
  const files: (Kept & { hash: string })[] = []
  for (const hash of await readdir(folder)) {
    const found = await stat(join(folder, hash)).catch(absent)
    if (found) files.push({ hash, bytes: Math.max(0, found.size - HEAD_BYTES), touched: found.mtimeMs })
  }
  return files
}

/** Bytes that may still be written. */
async function freeIn(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}
