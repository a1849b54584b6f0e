import { readFile } from 'node:fs/promises'
import { isIPv4 } from 'node:net'

/** systemd-resolved's own list first: /etc/resolv.conf then names only its stub, which listens on this host alone. */
const FILES = ['/run/systemd/resolve/resolv.conf', '/etc/resolv.conf']

/** The name server of this host that others can reach too; undefined when there is none. */
export async function readNameServer(files: readonly string[] = FILES): Promise<string | undefined> {
  for (const file of files) {
    const found = nameServerIn(await readFile(file, 'utf8').catch(() => ''))
    if (found) return found
  }
  return undefined
}

/** resolv.conf(5). */
export const nameServerIn = (text: string): string | undefined =>
  text
    .split('\n')
    .flatMap(line => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? [])
    .find(address => isIPv4(address) && !address.startsWith('127.') && address !== '0.0.0.0')
