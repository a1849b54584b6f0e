import type { IncomingMessage } from 'node:http'
import type { Logger } from 'pino'
import {
  type FileHead,
  isImmutable,
  type MirrorAnswer,
  type MirrorFile,
  type MirrorSource,
  type Mirrors,
} from '../core/mirror.js'
import { type Draft, HEAD_BYTES, openMirrorDisk, type Stored } from './mirrorDisk.js'
import { createGrowing, DiskFailure, type Growing } from './mirrorGrowing.js'
import { conditions, headOf, isChunked, sameFile } from './mirrorHead.js'
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

/** An index that was checked so recently is not checked again: a rack asks for it at once. */
const FRESH_MS = 10_000
/** How many indices are remembered as checked. */
const CHECKED = 1000
/** A mirror that was not to be reached is left alone for this long, as far as our copies serve. */
const DOWN_MS = 30_000

/** What became of asking a mirror; all who wanted the same file meanwhile share it. */
type Outcome =
  | { kind: 'growing'; head: FileHead; growing: Growing; done: Promise<void> }
  | { kind: 'kept'; source: 'revalidated' | 'stale' } // our copy is what there is
  | { kind: 'direct'; head: FileHead } // there is no room for it
  | { kind: 'refused'; status: number; why: string }
  | { kind: 'faulty'; cause: unknown } // ours, not the mirror's

const faulty = (cause: unknown): Outcome => ({ kind: 'faulty', cause })

/** Files of the configured mirrors, each fetched once for all who want it, and kept. */
export async function openMirrorCache(o: MirrorCacheOptions): Promise<MirrorCache> {
  const { mirrors, limit, log, now } = o
  const disk = await openMirrorDisk(o.folder, limit, now, o.leaveFree)
  const upstream = createUpstream(o.silence)
  const readPiece = createPieces()
  const flights = new Map<string, Promise<Outcome>>() // by URL, until the file is kept
  const checked = new Map<string, number>() // by URL of an index
  const down = new Map<string, number>() // by origin
  const count = {
    hit: 0,
    miss: 0,
    revalidated: 0,
    stale: 0,
    direct: 0,
    refused: 0,
    fetchedBytes: 0,
    sentBytes: 0,
  }
  let published = 0
  disk.counted.catch((err: unknown) => log.error({ err }, 'cannot count the mirror cache'))

  async function get(name: string, path: string, how: { head: boolean; again: boolean }) {
    const mirror = Object.hasOwn(mirrors, name) && mirrors[name]
    const names = Object.keys(mirrors).join(', ')
    if (!mirror) return refused(404, `no mirror ${JSON.stringify(name)}: there are ${names || 'none'}`)
    const url = `${mirror}/${path}`
    for (;;) {
      const before = published
      const stored = await disk.open(url)
      if (!stored && published !== before) continue // it may have been kept just after we looked
      if (stored && !how.again && (isImmutable(path) || isFresh(url))) return kept(stored, 'hit')
      if (!stored && how.head && !flights.has(url)) return headOnly(url)
      const joined = flights.get(url)
      const outcome = await (joined ?? launch(url, how.again ? undefined : stored?.head)).catch(faulty)
      if (outcome.kind === 'kept' && stored) return kept(stored, outcome.source)
      await stored?.handle.close()
      if (outcome.kind === 'faulty') throw outcome.cause
      if (outcome.kind === 'growing') return growing(url, outcome, joined ? 'hit' : 'miss')
      if (outcome.kind === 'direct') return direct(url, outcome.head)
      if (outcome.kind === 'refused') return refused(outcome.status, outcome.why)
    }
  }

  function justChecked(url: string) {
    if (checked.size >= CHECKED) checked.clear() // forgetting costs a question
    checked.set(url, now())
  }

  const isFresh = (url: string) => now() - (checked.get(url) ?? Number.NEGATIVE_INFINITY) < FRESH_MS

  function refused(status: number, why: string): MirrorAnswer {
    count.refused++
    return { status, why }
  }

  function launch(url: string, known?: FileHead): Promise<Outcome> {
    const outcome = decide(url, known)
    flights.set(url, outcome)
    const over = () => void flights.delete(url)
    outcome.then(o => (o.kind === 'growing' ? o.done : undefined)).then(over, over)
    return outcome
  }

  async function decide(url: string, known?: FileHead): Promise<Outcome> {
    const { origin } = new URL(url)
    if (known && now() < (down.get(origin) ?? 0)) return stale(url, 'it was not to be reached a moment ago')
    try {
      const res = await upstream.ask(url, 'GET', conditions(known))
      down.delete(origin)
      return await judge(url, res, known)
    } catch (cause) {
      if (!(cause instanceof UpstreamError)) throw cause
      down.set(origin, now() + DOWN_MS)
      if (known) return stale(url, cause.message)
      log.warn({ url, why: cause.message }, 'mirror failed')
      return { kind: 'refused', status: cause.status, why: cause.message }
    }
  }

  async function judge(url: string, res: IncomingMessage, known?: FileHead): Promise<Outcome> {
    const status = res.statusCode ?? 0
    if (status === 200) return store(url, res)
    res.resume()
    if (status === 304 && known) {
      justChecked(url)
      return { kind: 'kept', source: 'revalidated' }
    }
    const gone = status === 404 || status === 410
    if (known && !gone) return stale(url, `it answered ${status}`)
    if (gone) await disk.remove(url)
    log.warn({ url, status }, 'mirror refused')
    const ours = status >= 400 && status < 500 ? status : 502
    return { kind: 'refused', status: ours, why: `${url} answered ${status}` }
  }

  function stale(url: string, why: string): Outcome {
    log.warn({ url, why }, 'mirror failed: its older file is served')
    return { kind: 'kept', source: 'stale' }
  }

  async function store(url: string, res: IncomingMessage): Promise<Outcome> {
    const head = headOf(res)
    const draft = await disk.begin(url, head.size ?? 0).catch((err: unknown) => {
      log.error({ err }, 'cannot write to the mirror cache')
      return undefined
    })
    if (!draft) {
      res.destroy()
      log.warn({ url, bytes: head.size }, 'no room in the mirror cache: passed through')
      return { kind: 'direct', head }
    }
    const growing = createGrowing(`${url} ${published} ${now()}`, draft.handle, HEAD_BYTES, readPiece)
    return { kind: 'growing', head, growing, done: fill(url, res, head, draft, growing) }
  }

  /** Goes on whether or not a client is still there: the next one wants the file too. */
  async function fill(url: string, res: IncomingMessage, head: FileHead, draft: Draft, growing: Growing) {
    const begun = now()
    try {
      for await (const chunk of res) {
        count.fetchedBytes += chunk.length
        await growing.add(chunk)
        if (growing.received() > limit) throw new DiskFailure('larger than the mirror cache')
      }
      await growing.end()
      const size = growing.received()
      if (head.size === undefined && !isChunked(res)) throw new Error('nobody knows whether it is whole')
      await draft.keep({ ...head, size })
      published++
      if (!isImmutable(url)) justChecked(url)
      log.info({ url, bytes: size, ms: now() - begun }, 'fetched')
    } catch (cause) {
      const failure = cause instanceof Error ? cause : new Error(String(cause))
      growing.fail(failure)
      res.destroy()
      await draft.drop()
      log.warn({ url, bytes: growing.received(), why: failure.message }, 'not kept')
    } finally {
      await growing.release()
    }
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
    counters: () => ({ ...count, downloads: flights.size, ...disk.totals() }),
    async close() {
      upstream.close()
      await Promise.allSettled(
        [...flights.values()].map(async flight => {
          const outcome = await flight
          if (outcome.kind === 'growing') await outcome.done
        }),
      )
      await disk.counted.catch(() => {})
    },
  }
}

const nothing = async () => {}
