import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** Lists of a mirror are asked for in one piece, within this time and up to this size. */
export const LIST_MS = 60_000
const LIST_BYTES = 32 << 20
const FILE_MS = 20 * 60_000
const FILE_BYTES = 1 << 30

/** Where a file of a mirror is, and what the mirror's list says that it must be. */
export type Listed = { readonly url: string; readonly sha256: string }

/**
 * Fetches a file whose checksum is known.
 * @param onProgress is told how much has come, from 0 to 1, where the mirror tells the size
 */
export async function downloadListed(
  { url, sha256 }: Listed,
  to: string,
  onProgress: (done: number) => void,
): Promise<void> {
  const answer = await ask(url, FILE_MS)
  const size = Number(answer.headers.get('content-length')) || undefined
  const hash = createHash('sha256')
  let got = 0
  const watch = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      got += chunk.length
      hash.update(chunk)
      if (size) onProgress(Math.min(1, got / size))
      done(got > FILE_BYTES ? new Error(`${url} is larger than ${FILE_BYTES} bytes`) : null, chunk)
    },
  })
  if (!answer.body) throw new Error(`${url}: the mirror sent nothing`)
  await pipeline(Readable.fromWeb(answer.body), watch, createWriteStream(to))
  const sum = hash.digest('hex')
  if (sum !== sha256) throw new Error(`${url} is not what was listed: its SHA-256 is ${sum}, not ${sha256}`)
}

/** @throws Error (rejects) with one line for people, as all of this file do */
export async function fetchText(url: string): Promise<string> {
  const answer = await ask(url, LIST_MS)
  if (Number(answer.headers.get('content-length')) > LIST_BYTES) throw new Error(`${url} is too long`)
  return await answer.text()
}

async function ask(url: string, timeoutMs: number): Promise<Response> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) }).catch((cause: Error) => {
    const why = cause.cause instanceof Error ? cause.cause.message : cause.message
    throw new Error(`cannot fetch ${url}: ${why}`, { cause })
  })
  if (!answer.ok) throw new Error(`cannot fetch ${url}: ${answer.status} ${answer.statusText}`)
  return answer
}
