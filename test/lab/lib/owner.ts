import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Lan } from './namespaces.js'
import { run, runIn } from './process.js'

/** A node as its owner finds it in `describe-instances`. */
type Node = { readonly address?: string; readonly hostKeys?: readonly string[] }

/** Who asks for instances: a key pair, and an SSH client somewhere on the LAN. */
export type Owner = {
  readonly publicKey: string
  /** What makes the daemon let this owner in. */
  readonly flags: readonly string[]
  /**
   * Runs a shell command on a node and returns what it prints. Throws when the command fails, when the node shows
   * another host key than those pinned, and when it does not let us in.
   */
  ssh(user: string, node: Node, command: string): Promise<string>
}

const SSH_MS = 60_000

const OPTIONS = {
  BatchMode: 'yes', // never asks
  StrictHostKeyChecking: 'yes',
  IdentitiesOnly: 'yes',
  GlobalKnownHostsFile: '/dev/null',
  UpdateHostKeys: 'no',
  ConnectTimeout: '20',
  ConnectionAttempts: '2',
}

export async function createOwner(lan: Lan, folder: string): Promise<Owner> {
  const key = join(folder, 'owner')
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'owner@lab', '-f', key])
  const publicKey = (await run('cat', [`${key}.pub`])).trim()
  const authorizedKeys = join(folder, 'authorized_keys')
  await writeFile(authorizedKeys, `${publicKey}\n`)
  return {
    publicKey,
    flags: ['--authorized-keys', authorizedKeys],
    async ssh(user, { address, hostKeys = [] }, command) {
      if (!address) throw new Error('the node has told no address')
      const knownHosts = join(folder, `known_hosts-${address}`)
      await writeFile(knownHosts, hostKeys.map(line => `${address} ${line}\n`).join(''))
      const options = { ...OPTIONS, UserKnownHostsFile: knownHosts }
      const given = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
      const args = ['-F', '/dev/null', '-i', key, ...given, '-l', user, address, command]
      return await runIn(lan.router, 'ssh', args, SSH_MS)
    },
  }
}
