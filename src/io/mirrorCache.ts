import type { Logger } from 'pino'
import {
  type FileHead,
  isImmutable,
  type MirrorAnswer,
  type MirrorFile,
  type MirrorSource,
  type Mirrors,
} from '../core/mirror.js'
import { HEAD_BYTES, openMirrorDisk, type Stored } from './mirrorDisk.js'
import { createMirrorFetches, type Outcome } from './mirrorFetches.js'
import { DiskFailure } from './mirrorGrowing.js'
import { headOf, sameFile } from './mirrorHead.js'
import { createPieces } from './mirrorPieces.js'
import { createUpstream, UpstreamError } from './mirrorUpstream.js'

export type MirrorCache = {
  /** @param again whether even what never changes is asked for again: the client got something that it cannot use */
  get(name: string, path: string, how: { head: boolean; again: boolean }): Promise<MirrorAnswer>
  counters(): Record<string, number>
  /** Ends downloads; what they brought is dropped. */
  close(): Promise<void>
}

export type MirrorCacheOptions = {
  folder: string
  mirrors: Mirrors
  limit: number // bytes on disk
  log: Logger
  now: () => number // ms
  silence?: number // ms until a mirror counts as silent
  leaveFree?: number // bytes of the disk
}

/** Files of the configured mirrors, each fetched once for all who want it, and kept. */
export async function openMirrorCache(o: MirrorCacheOptions): Promise<MirrorCache> {
  const { mirrors, limit, log, now } = o
  const disk = await openMirrorDisk(o.folder, limit, now, o.leaveFree)
  const upstream = createUpstream(o.silence)
  const readPiece = createPieces()
  const fetches = createMirrorFetches({ disk, upstream, readPiece, limit, log, now })
  const count = {
    hit: 0,
    miss: 0,
    revalidated: 0,
    stale: 0,
    direct: 0,
    refused: 0,
    sentBytes: 0,
  }
  disk.counted.catch((err: unknown) => log.error({ err }, 'cannot count the mirror cache'))

  async function get(name: string, path: string, how: { head: boolean; again: boolean }) {
    const mirror = Object.hasOwn(mirrors, name) && mirrors[name]
    const names = Object.keys(mirrors).join(', ')
    if (!mirror) return refused(404, `no mirror ${JSON.stringify(name)}: there are ${names || 'none'}`)
    const url = `${mirror}/${path}`
    for (;;) {
      const before = fetches.published()
      const stored = await disk.open(url)
      if (!stored && fetches.published() !== before) continue // it may have been kept just after we looked
      if (stored && !how.again && (isImmutable(path) || fetches.isFresh(url))) return kept(stored, 'hit')
      if (!stored && how.head && !fetches.isUnderWay(url)) return headOnly(url)
      const { outcome, joined } = await fetches.outcome(url, how.again ? undefined : stored?.head)
      if (outcome.kind === 'kept' && stored) return kept(stored, outcome.source)
      await stored?.handle.close()
      if (outcome.kind === 'faulty') throw outcome.cause
      if (outcome.kind === 'growing') return growing(url, outcome, joined ? 'hit' : 'miss')
      if (outcome.kind === 'direct') return direct(url, outcome.head)
      if (outcome.kind === 'refused') return refused(outcome.status, outcome.why)
    }
  }

  function refused(status: number, why: string): MirrorAnswer {
    count.refused++
    return { status, why }
  }

  async function headOnly(url: string): Promise<MirrorAnswer> {
    try {
      const res = await upstream.ask(url, 'HEAD')
      res.resume()
      const status = res.statusCode ?? 0
      if (status !== 200)
        return refused(status >= 400 && status < 500 ? status : 502, `${url} answered ${status}`)
      return {
        head: headOf(res),
        source: 'miss',
        bytes: start => passed(url, headOf(res), start),
        close: nothing,
      }
    } catch (cause) {
      if (cause instanceof UpstreamError) return refused(cause.status, cause.message)
      throw cause
    }
  }

  function kept({ head, handle, id }: Stored, source: MirrorSource): MirrorFile {
    count[source]++
    const file = { id, handle, offset: HEAD_BYTES, size: head.size }
    async function* bytes(start: number, end = head.size - 1) {
      for (let at = start; at <= end; ) {
        const piece = await readPiece(file, at, end + 1)
        at += piece.length
        count.sentBytes += piece.length
        yield piece
      }
    }
    return { head, source, bytes, close: () => handle.close() }
  }

  function growing(
    url: string,
    { head, growing }: Outcome & { kind: 'growing' },
    source: MirrorSource,
  ): MirrorFile {
    count[source]++
    growing.acquire()
    async function* bytes(start: number, end?: number) {
      let at = start
      try {
        for await (const piece of growing.bytes(start, end)) {
          at += piece.length
          count.sentBytes += piece.length
          yield piece
        }
      } catch (cause) {
        if (!(cause instanceof DiskFailure)) throw cause
        yield* passed(url, head, at, end)
      }
    }
    return { head, source, bytes, close: () => growing.release() }
  }

  const direct = (url: string, head: FileHead): MirrorFile => {
    count.direct++
    return { head, source: 'miss', bytes: (start, end) => passed(url, head, start, end), close: nothing }
  }

  /** A part of the file, or all of it, for one client and past our disk. */
  async function* passed(url: string, head: FileHead, start: number, end?: number): AsyncGenerator<Buffer> {
    const last = end === undefined || (head.size !== undefined && end >= head.size - 1)
    const whole = start === 0 && last
    const part = { range: `bytes=${start}-${last ? '' : end}`, ...sameFile(head) }
    const res = await upstream.ask(url, 'GET', whole ? {} : part)
    try {
      if (res.statusCode !== (whole ? 200 : 206)) throw new Error(`${url} answered ${res.statusCode}`)
      for await (const chunk of res) {
        count.sentBytes += chunk.length
        yield chunk
      }
    } finally {
      res.destroy()
    }
  }

  return {
    get,
    counters: () => ({ ...count, ...fetches.counters(), ...disk.totals() }),
    async close() {
      upstream.close()
      await fetches.settled()
      await disk.counted.catch(() => {})
    },
  }
}

const nothing = async () => {}
