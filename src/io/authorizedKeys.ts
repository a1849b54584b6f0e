import { readFile } from 'node:fs/promises'

/** Options may stand before it and a comment behind (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"). */
const KEY =
  /(^|\s)(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) AAAA[A-Za-z0-9+/]+={0,2}(\s|$)/

/**
 * The owner's public keys, one line each; none when there is no such file.
 * @throws Error (rejects) with file and line when a line is no key: whoever relies on it would be locked out
 */
export async function readAuthorizedKeys(path: string): Promise<string[]> {
  const lines = (await readIfThere(path)).split('\n').map(line => line.trim())
  const bad = lines.findIndex(line => line !== '' && !line.startsWith('#') && !KEY.test(line))
  if (bad >= 0) throw new Error(`${path}:${bad + 1}: is no public SSH key`)
  return [...new Set(lines.filter(line => KEY.test(line) && !line.startsWith('#')))]
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw new Error(`cannot read the owner's SSH keys ${path}`, { cause })
  }
}
