import type { Instance } from './instance.js'

/** A node whose host keys were pinned when it phoned home. */
export type KnownNode = Pick<Instance, 'name' | 'address' | 'hostKeys'>

/**
 * Lines as in ~/.ssh/known_hosts, by name: `web-1,192.168.1.31 ssh-ed25519 AAAA…`, one for each host key of each node.
 * Nodes that have not phoned home have none.
 */
export const knownHosts = (nodes: readonly KnownNode[]): string =>
  nodes
    .flatMap(({ name, address, hostKeys = [] }) =>
      hostKeys.map(key => `${[name, ...(address ? [address] : [])].join(',')} ${key}\n`),
    )
    .toSorted()
    .join('')
