import { randomBytes } from 'node:crypto'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const TOKEN = /^[0-9a-f]{64}$/

/**
 * The API's bearer token: 256 bits as hex in `STATE/api-token`, mode 0600, made at the first start.
 * @throws Error when the file cannot be read or made, or holds something else
 */
export async function openApiToken(stateDir: string): Promise<string> {
  const path = join(stateDir, 'api-token')
  const token = (await readIfThere(path)) ?? (await make(path))
  if (!TOKEN.test(token))
    throw new Error(`${path} holds no token: remove it, and the next start makes a new one`)
  return token
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Error(`cannot read the API token ${path}`, { cause })
  }
}

/** Written under another name and linked, so that a kill at any time leaves a whole token or none. */
async function make(path: string): Promise<string> {
  const token = randomBytes(32).toString('hex')
  const draft = `${path}.${process.pid}`
  try {
    await writeFile(draft, `${token}\n`, { mode: 0o600, flag: 'w' })
    await link(draft, path)
  } catch (cause) {
    throw new Error(`cannot make the API token ${path}`, { cause })
  } finally {
    await rm(draft, { force: true })
  }
  return token
}
