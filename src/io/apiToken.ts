import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { readIfThere, writeOnce } from './onceFile.js'

const TOKEN = /^[0-9a-f]{64}$/

/**
 * The API's bearer token: 256 bits as hex in `STATE/api-token`, mode 0600, made at the first start.
 * @throws Error when the file cannot be read or made, or holds something else
 */
export async function openApiToken(stateDir: string): Promise<string> {
  const path = join(stateDir, 'api-token')
  const token = await readOrMake(path)
  if (!TOKEN.test(token))
    throw new Error(`${path} holds no token: remove it, and the next start makes a new one`)
  return token
}

async function readOrMake(path: string): Promise<string> {
  try {
    const there = await readIfThere(path)
    if (there !== undefined) return there.trim()
    const token = randomBytes(32).toString('hex')
    await writeOnce(path, `${token}\n`, 0o600)
    return token
  } catch (cause) {
    throw new Error(`cannot open the API token ${path}`, { cause })
  }
}
