import { readFileSync } from 'node:fs'
import { isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'

export type Lan = { interface: string; address: string }

/** What this host has: its IPv4 addresses by interface and the interfaces of its default routes, best first. */
export type Network = { addresses: readonly Lan[]; defaultRoutes: readonly string[] }

/** /proc/net/route: one line per route, tab-separated; destination and mask 00000000 is a default route. */
export function defaultRoutes(table: string): string[] {
  return table
    .split('\n')
    .slice(1)
    .map(line => line.trim().split(/\s+/))
    .filter(([, destination, , , , , , mask]) => destination === '00000000' && mask === '00000000')
    .sort((a, b) => Number(a[6]) - Number(b[6])) // column 6 is the metric
    .flatMap(([name]) => name ?? [])
}

/** Interfaces that are down, or have no IPv4 address, are not in it. Loopback is. */
export function readNetwork(): Network {
  const addresses = Object.entries(networkInterfaces()).flatMap(([name, all = []]) =>
    all.filter(a => isIPv4(a.address)).map(a => ({ interface: name, address: a.address })),
  )
  return { addresses, defaultRoutes: defaultRoutes(readRoutes()) }
}

function readRoutes(): string {
  try {
    return readFileSync('/proc/net/route', 'utf8')
  } catch {
    return '' // not Linux, or a namespace without /proc: nothing to go by
  }
}

/** Which interface and address to serve on, or in one sentence why that cannot be told. */
export function chooseLan(
  wanted: { interface?: string | undefined; address?: string | undefined },
  { addresses, defaultRoutes }: Network,
): Lan | { problem: string } {
  const real = addresses.filter(a => a.interface !== 'lo')
  const listed = real.map(a => `${a.interface} (${a.address})`).join(', ') || 'none'
  const pick = (from: readonly Lan[], problem: string) =>
    from[0] ?? { problem: `${problem}; there are: ${listed}` }

  if (wanted.interface && wanted.address)
    return pick(
      addresses.filter(a => a.interface === wanted.interface && a.address === wanted.address),
      `interface ${wanted.interface} has no address ${wanted.address}`,
    )
  if (wanted.interface)
    return pick(
      addresses.filter(a => a.interface === wanted.interface),
      `interface ${wanted.interface} is absent, down or has no IPv4 address`,
    )
  if (wanted.address)
    return pick(
      addresses.filter(a => a.address === wanted.address),
      `no interface that is up has the address ${wanted.address}`,
    )
  const routed = defaultRoutes.flatMap(name => addresses.filter(a => a.interface === name))
  if (routed[0]) return routed[0]
  const only = new Set(real.map(a => a.interface)).size === 1
  return pick(
    only ? real : [],
    'cannot tell which interface the machines are on: choose one with --interface',
  )
}
