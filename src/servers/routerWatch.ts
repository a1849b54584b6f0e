import { createSocket } from 'node:dgram'
import type { Logger } from 'pino'
import { routerWarning } from '../core/routerOffer.js'
import { decode } from '../wire/dhcp.js'

const MOST_ROUTERS = 4

export type RouterWatch = { meet(router: string): void; close(): void }

/**
 * Looks at what the LAN's own DHCP servers offer, and warns once when that keeps machines from us.
 *
 * Offers go to the clients' port, so the watch joins that port beside the host's own DHCP client, if it may. It
 * binds the broadcast address, which takes no unicast from that client, and connects to the one router, so that
 * our own broadcasts do not come back to us one by one. Who the router is, clients say in their REQUESTs.
 * Offers that a router sends by unicast stay unseen.
 */
export function watchRouters(o: {
  readonly clientPort: number
  readonly serverPort: number
  readonly log: Logger
}): RouterWatch {
  const closers = new Map<string, () => void>()

  const watch = (router: string): (() => void) => {
    const socket = createSocket({ type: 'udp4', reuseAddr: true })
    let open = true
    const close = () => {
      if (open) socket.close()
      open = false
    }
    const given = new Set<string>()
    socket.on('message', bytes => {
      const warning = routerWarning(decode(bytes))
      if (!warning || given.has(warning)) return
      given.add(warning)
      o.log.warn({ router, warning }, 'the DHCP server of this LAN keeps machines from us')
    })
    socket.on('error', error => {
      o.log.debug({ router, error: error.message }, 'cannot watch the offers of this router')
      close()
    })
    socket.bind(o.clientPort, '255.255.255.255', () => {
      if (open) socket.connect(o.serverPort, router)
    })
    return close
  }

  return {
    meet(router) {
      if (closers.has(router) || closers.size >= MOST_ROUTERS) return
      closers.set(router, watch(router))
    },
    close() {
      for (const close of closers.values()) close()
    },
  }
}
