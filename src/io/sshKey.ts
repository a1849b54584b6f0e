import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { readIfThere, writeOnce } from './onceFile.js'

/** The daemon's own key: `private` in OpenSSH's format, `public` as a line of authorized_keys. */
export type SshKey = { readonly private: string; readonly public: string }

/**
 * The key by which the daemon reaches the nodes that it installed: Ed25519, in STATE/ssh/id_ed25519 with mode 0600, made
 * at the first start; its public half beside it, for the owner to look at.
 * @throws Error (rejects) when the file cannot be read or made, or holds something else
 */
export async function openSshKey(stateDir: string): Promise<SshKey> {
  const folder = join(stateDir, 'ssh')
  const path = join(folder, 'id_ed25519')
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const text = (await readIfThere(path)) ?? (await make(path))
    const key = publicHalf(text, path)
    if ((await readIfThere(`${path}.pub`)) !== `${key}\n`) await writeFile(`${path}.pub`, `${key}\n`)
    return { private: text, public: key }
  } catch (cause) {
    throw new Error(`cannot open the SSH key ${path}`, { cause })
  }
}

async function make(path: string): Promise<string> {
  const made = ssh2.utils.generateKeyPairSync('ed25519')
  await writeOnce(path, made.private, 0o600)
  return made.private
}

function publicHalf(text: string, path: string): string {
  const key = ssh2.utils.parseKey(text)
  if (key instanceof Error || !key.isPrivateKey())
    throw new Error(`${path} holds no private key: remove it, and the next start makes a new one`)
  return `${key.type} ${key.getPublicSSH().toString('base64')} muster`
}
