import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { pino } from 'pino'
import type { Test } from 'tap'
import { type MirrorCacheOptions, openMirrorCache } from '../../src/io/mirrorCache.js'
import { listen } from '../../src/servers/http.js'
import { onError, sendText } from '../../src/servers/reply.js'
import { mirrorRoutes } from '../../src/servers/routes/mirror.js'

type Serve = (req: IncomingMessage, res: ServerResponse) => void
type Served = Buffer | string | Serve

/** A mirror on loopback: files by path, or functions that answer as they like. `asked` is what it was asked for. */
export async function startUpstream(t: Test, files: Record<string, Served>) {
  const asked: string[] = []
  const server = createServer((req, res) => {
    const { method, url = '', headers } = req
    asked.push(`${method} ${url}`)
    const served = files[url]
    if (served === undefined) return void res.writeHead(404).end('no such file')
    if (typeof served === 'function') return served(req, res)
    const bytes = Buffer.from(served)
    const etag = `"${bytes.length}-${bytes.subarray(0, 8).toString('hex')}"`
    res.setHeader('etag', etag).setHeader('last-modified', 'Sat, 21 Nov 2026 08:00:00 GMT')
    if (headers['if-none-match'] === etag) return void res.writeHead(304).end()
    const [, from] = /^bytes=(\d+)-$/.exec(headers.range ?? '') ?? []
    const part = from === undefined ? bytes : bytes.subarray(Number(from))
    res.writeHead(from === undefined ? 200 : 206, { 'content-length': part.length })
    res.end(method === 'HEAD' ? undefined : part)
  })
  const start = async (port = 0) => {
    await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
    return (server.address() as AddressInfo).port
  }
  const stop = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  t.teardown(stop)
  const port = await start()
  return { url: `http://127.0.0.1:${port}`, asked, files, stop, start: () => start(port) }
}

/** The cache and its route on loopback, before one mirror called `debian`. */
export async function startMirror(t: Test, url: string, some: Partial<MirrorCacheOptions> = {}) {
  const lines: string[] = []
  const log = pino({ level: 'debug' }, { write: line => lines.push(line) })
  const folder = some.folder ?? t.testdir({})
  const time = { now: Date.parse('2026-11-21T08:00:00Z') }
  const options = {
    folder,
    mirrors: { debian: url },
    limit: 1e9,
    log,
    now: () => time.now,
    leaveFree: 0,
    ...some,
  }
  const cache = await openMirrorCache(options)
  const closing = new AbortController()
  const app = express()
    .use(mirrorRoutes({ mirror: cache.get, log }))
    .use(onError(log, () => sendText))
  const listener = await listen(app, { address: '127.0.0.1', port: 0, closing, log })
  const close = async () => {
    await listener.close()
    await cache.close()
  }
  t.teardown(close)
  /** Until everything that was fetched is kept. */
  const settled = async () => {
    for (let tries = 0; cache.counters().downloads; tries++) {
      if (tries > 1000) throw new Error('downloads do not end')
      await new Promise(resolve => setTimeout(resolve, 2))
    }
  }
  /** One request, and then until what it had fetched is kept. */
  const ask = async (path: string, headers: Record<string, string> = {}, method = 'GET') => {
    await settled()
    const got = await get(`http://127.0.0.1:${listener.port}/mirror/debian${path}`, headers, method)
    await settled()
    return got
  }
  return { ask, settled, base: `http://127.0.0.1:${listener.port}/mirror`, cache, lines, folder, time, close }
}

/** One request as it is written: `fetch` tidies paths, and adds `no-cache` to conditions. Rejects when cut short. */
export async function get(url: string, headers: Record<string, string> = {}, method = 'GET') {
  const req = request(url, { headers, method, timeout: 10_000 })
  req.on('timeout', () => req.destroy(new Error('no answer'))).end()
  const [res] = (await once(req, 'response')) as [IncomingMessage]
  const pieces: Buffer[] = []
  for await (const piece of res) pieces.push(piece)
  return {
    status: res.statusCode,
    headers: res.headers,
    body: Buffer.concat(pieces),
    from: res.headers['x-cache'],
  }
}
