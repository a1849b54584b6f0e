import { readFile } from 'node:fs/promises'
import { type Refusal, refuse } from '../core/refusal.js'

/** Options may stand before it and a comment behind (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"). */
const KEY =
  /(^|\s)(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) AAAA[A-Za-z0-9+/]+={0,2}(\s|$)/

/**
 * The owner's public keys, one line each; none when there is no such file. A file that cannot be read, and a line that is
 * no key, are refused: whoever relies on it would be locked out.
 */
export async function readAuthorizedKeys(path: string): Promise<string[] | Refusal> {
  const text = await readIfThere(path)
  if (typeof text !== 'string') return text
  const lines = text.split('\n').map(line => line.trim())
  const bad = lines.findIndex(line => line !== '' && !line.startsWith('#') && !KEY.test(line))
  if (bad >= 0) return refuse('conflict', `${path}:${bad + 1}: is no public SSH key`)
  return [...new Set(lines.filter(line => KEY.test(line) && !line.startsWith('#')))]
}

async function readIfThere(path: string): Promise<string | Refusal> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? '' : refuse('conflict', `cannot read the owner's SSH keys: ${message}`)
  }
}
