import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { fetchText, LIST_MS, type Listed } from './download.js'

/**
 * The SHA-256 that a suite's InRelease lists for a file, after its signature was checked; nothing that a mirror says
 * is believed before that.
 * @param path as the Release has it: main/installer-amd64/current/images/SHA256SUMS
 * @throws Error with one line for people
 */
export async function signedFile(
  o: { mirror: string; suite: string; keyring: string },
  path: string,
): Promise<Listed> {
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
export async function fetchSigned({ url, sha256 }: Listed): Promise<string> {
  const text = await fetchText(url)
  const got = createHash('sha256').update(text).digest('hex')
  if (got !== sha256) throw new Error(`${url} is not what was signed: its SHA-256 is ${got}, not ${sha256}`)
  return text
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
