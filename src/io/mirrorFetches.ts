import type { IncomingMessage } from 'node:http'
import type { Logger } from 'pino'
import { type FileHead, isImmutable } from '../core/mirror.js'
import { type Draft, HEAD_BYTES, type MirrorDisk } from './mirrorDisk.js'
import { createGrowing, DiskFailure, type Growing } from './mirrorGrowing.js'
import { conditions, headOf, isChunked } from './mirrorHead.js'
import type { ReadPiece } from './mirrorPieces.js'
import { type Upstream, UpstreamError } from './mirrorUpstream.js'

/** An index that was checked so recently is not checked again: a rack asks for it at once. */
const FRESH_MS = 10_000
/** How many indices are remembered as checked. */
const CHECKED = 1000
/** A mirror that was not to be reached is left alone for this long, as far as our copies serve. */
const DOWN_MS = 30_000

/** What became of asking a mirror; all who wanted the same file meanwhile share it. */
export type Outcome =
  | { kind: 'growing'; head: FileHead; growing: Growing; done: Promise<void> }
  | { kind: 'kept'; source: 'revalidated' | 'stale' } // our copy is what there is
  | { kind: 'direct'; head: FileHead } // there is no room for it
  | { kind: 'refused'; status: number; why: string }
  | { kind: 'faulty'; cause: unknown } // ours, not the mirror's

const faulty = (cause: unknown): Outcome => ({ kind: 'faulty', cause })

/** Asks mirrors, and puts what they send onto the disk: whoever wants the same file at the same time shares one download. */
export type MirrorFetches = {
  /** Of the download that is under way, or of a new one. `known`: what is said of our copy, if there is one. */
  outcome(url: string, known?: FileHead): Promise<{ readonly outcome: Outcome; readonly joined: boolean }>
  isUnderWay(url: string): boolean
  /** Whether the file, an index, was checked so recently that nobody has to ask again. */
  isFresh(url: string): boolean
  /** How many files were kept since the start. */
  published(): number
  counters(): { downloads: number; fetchedBytes: number }
  /** Resolves when nothing is under way; the upstream is closed before. */
  settled(): Promise<void>
}

type Parts = {
  disk: MirrorDisk
  upstream: Upstream
  readPiece: ReadPiece
  limit: number // bytes of one file
  log: Logger
  now: () => number // ms
}

export function createMirrorFetches({ disk, upstream, readPiece, limit, log, now }: Parts): MirrorFetches {
  const flights = new Map<string, Promise<Outcome>>() // by URL, until the file is kept
  const checked = new Map<string, number>() // by URL of an index
  const down = new Map<string, number>() // by origin
  let fetchedBytes = 0
  let published = 0

  function justChecked(url: string) {
    if (checked.size >= CHECKED) checked.clear() // forgetting costs a question
    checked.set(url, now())
  }

  const isFresh = (url: string) => now() - (checked.get(url) ?? Number.NEGATIVE_INFINITY) < FRESH_MS

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
        fetchedBytes += chunk.length
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

  return {
    async outcome(url, known) {
      const joined = flights.get(url)
      return { outcome: await (joined ?? launch(url, known)).catch(faulty), joined: joined !== undefined }
    },
    isUnderWay: url => flights.has(url),
    isFresh,
    published: () => published,
    counters: () => ({ downloads: flights.size, fetchedBytes }),
    async settled() {
      await Promise.allSettled(
        [...flights.values()].map(async flight => {
          const outcome = await flight
          if (outcome.kind === 'growing') await outcome.done
        }),
      )
    },
  }
}
