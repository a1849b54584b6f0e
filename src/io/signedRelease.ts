import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** Lists of a mirror are asked for in one piece, within this time and up to this size. */
const LIST_MS = 60_000
const LIST_BYTES = 32 << 20
const FILE_MS = 20 * 60_000
const FILE_BYTES = 1 << 30

/** Where a file of a mirror is, and what its signed list says that it must be. */
export type Signed = { readonly url: string; readonly sha256: string }

/**
 * The SHA-256 that a suite's InRelease lists for a file, after its signature was checked; nothing that a mirror says
 * is believed before that.
 * @param path as the Release has it: main/installer-amd64/current/images/SHA256SUMS
 * @throws Error with one line for people
 */
export async function signedFile(
  o: { mirror: string; suite: string; keyring: string },
  path: string,
): Promise<Signed> {
  const base = `${o.mirror}/dists/${o.suite}`
  const release = await verify(await fetchText(`${base}/InRelease`), o.keyring, `${base}/InRelease`)
  const codename = /^Codename: (.+)$/m.exec(release)?.[1]
  if (codename !== o.suite) throw new Error(`${base}/InRelease is of ${codename}, not of ${o.suite}`)
  const sha256 = sumIn(release.slice(release.indexOf('\nSHA256:')), path)
  if (!sha256) throw new Error(`${base}/InRelease does not list ${path}`)
  return { url: `${base}/${path}`, sha256 }
}

/** The SHA-256 of a file in a list: `SUM  PATH` as sha256sum prints, or ` SUM SIZE PATH` as in a Release. */
export const sumIn = (list: string, path: string): string | undefined =>
  list
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .find(words => /^[0-9a-f]{64}$/.test(words[0] ?? '') && words.at(-1) === path)?.[0]

/** A text whose checksum is known. */
export async function fetchSigned({ url, sha256 }: Signed): Promise<string> {
  const text = await fetchText(url)
  const got = createHash('sha256').update(text).digest('hex')
  if (got !== sha256) throw new Error(`${url} is not what was signed: its SHA-256 is ${got}, not ${sha256}`)
  return text
}

/**
 * Fetches a file whose checksum is known.
 * @param onProgress is told how much has come, from 0 to 1, where the mirror tells the size
 */
export async function downloadSigned(
  { url, sha256 }: Signed,
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
  if (sum !== sha256) throw new Error(`${url} is not what was signed: its SHA-256 is ${sum}, not ${sha256}`)
}

async function fetchText(url: string): Promise<string> {
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

/** The text that is inside a clear signature: what stands around it proves nothing. */
async function verify(signed: string, keyring: string, url: string): Promise<string> {
  const child = spawn('gpgv', ['--keyring', keyring, '--output', '-', '-'], { timeout: LIST_MS })
  let text = ''
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    said += part
  })
  child.stdin.on('error', () => {}) // it may end before it has read all; its exit code tells
  child.stdin.end(signed)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve)
  }).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === 'ENOENT' ? new Error('gpgv is missing: apt-get install gpgv', { cause }) : cause
  })
  if (code !== 0) throw new Error(`${url} has no good signature of Debian: ${lastLine(said)}`)
  return text
}

const lastLine = (text: string) => text.trim().split('\n').at(-1) ?? ''
