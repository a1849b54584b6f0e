import { setMaxListeners } from 'node:events'
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Logger } from 'pino'

export type Listener = {
  readonly port: number
  /** Ends long polls (through `closing`), lets answers under way finish for a moment, then cuts. */
  close(): Promise<void>
  counters(): Record<string, number>
}

export type Listen = {
  address: string
  port: number
  /** Aborted first when the listener closes. The routes end their long polls on it. */
  closing: AbortController
  log: Logger
  limits?: Partial<Limits>
}

export type Limits = {
  connections: number // in all
  perSource: number // of one IP address
  headers: number // ms until the headers are complete
  request: number // ms until the whole request is there
  idle: number // ms without a byte in either direction; more than the longest poll
  grace: number // ms for answers under way when the server closes
}

/**
 * Machines hold one connection each, two while they load. A source may be a router with a rack behind it, and a
 * thousand machines may start at once; a client that sends its request byte by byte is cut after `request`.
 */
export const LIMITS: Limits = {
  connections: 4096,
  perSource: 256,
  headers: 10_000,
  request: 30_000,
  idle: 90_000,
  grace: 1_000,
}

/** @throws Error (rejects) when the port cannot be opened, with the system's code */
export async function listen(app: RequestListener, o: Listen): Promise<Listener> {
  const limits = { ...LIMITS, ...o.limits }
  const open = new Set<ServerResponse>()
  setMaxListeners(0, o.closing.signal) // every long poll listens, and they may be thousands
  const server = createServer(
    {
      headersTimeout: limits.headers,
      requestTimeout: limits.request,
      keepAliveTimeout: 15_000,
      connectionsCheckingInterval: Math.min(1_000, limits.headers), // ms between looks for late requests
      maxHeaderSize: 8 * 1024, // bytes; iPXE's script request takes about 1 KiB
    },
    (req, res) => {
      open.add(res)
      res.once('close', () => open.delete(res))
      app(req, res)
    },
  )
  server.maxConnections = limits.connections
  server.timeout = limits.idle
  const counted = capSources(server, limits.perSource, o.log)
  await opened(server, o)
  return {
    port: (server.address() as AddressInfo).port,
    close: () => close(server, open, o.closing, limits.grace),
    counters: counted,
  }
}

function opened(server: Server, { address, port, log }: Listen): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: address, port, backlog: 1024 }, () => {
      server.off('error', reject)
      server.on('error', err => log.error({ err }, 'listener failed'))
      resolve()
    })
  })
}

/** Cuts connections beyond `perSource` of one address at once, before a byte of them is read. */
function capSources(server: Server, perSource: number, log: Logger): () => Record<string, number> {
  const held = new Map<string, number>()
  let cut = 0
  server.on('drop', () => cut++)
  server.on('connection', (socket: Socket) => {
    const source = socket.remoteAddress ?? ''
    const count = (held.get(source) ?? 0) + 1
    if (count > perSource) {
      if (cut++ % 100 === 0) log.warn({ address: source, connections: count - 1 }, 'too many connections')
      return socket.destroy()
    }
    held.set(source, count)
    socket.once('close', () => {
      const left = (held.get(source) ?? 1) - 1
      if (left > 0) held.set(source, left)
      else held.delete(source)
    })
  })
  return () => ({ connections: [...held.values()].reduce((sum, n) => sum + n, 0), sources: held.size, cut })
}

async function close(server: Server, open: Set<ServerResponse>, closing: AbortController, grace: number) {
  const closed = new Promise<void>(resolve => server.close(() => resolve()))
  for (const res of open) if (!res.headersSent) res.setHeader('connection', 'close')
  closing.abort()
  server.closeIdleConnections()
  const cut = setTimeout(() => server.closeAllConnections(), grace)
  await closed
  clearTimeout(cut)
}
