import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { isAbsolute, join, relative } from 'node:path'
import { pipeline } from 'node:stream'
import express, { type RequestHandler } from 'express'
import type { Lan } from './namespaces.js'
import { startIn } from './process.js'

/** Mirrors as the daemon reaches them from its namespace, where nothing else of the outside is in reach. */
export type Mirrors = {
  /** What makes the daemon use them: `--mirrors debian=http://127.0.0.1:8079/debian,…`. */
  readonly flags: readonly string[]
  /** The method and path of every request that reached us, in order: `GET /debian/dists/bookworm/InRelease`. */
  requests(): string[]
  close(): Promise<void>
}

/** Where a mirror really is: a URL that the host reaches, or the absolute path of a folder that stands in for one. */
export type Upstreams = Readonly<Record<string, string>>

export const DEBIAN: Upstreams = {
  debian: 'http://deb.debian.org/debian',
  'debian-security': 'http://deb.debian.org/debian-security',
}

const PORT = 8079
const IDLE_MS = 60_000

/**
 * One end listens in the daemon's namespace (forward.ts), the other one, here, on a Unix socket: files cross
 * namespaces. Nothing but these upstreams can be asked for.
 */
export async function startMirrors(lan: Lan, folder: string, upstreams: Upstreams): Promise<Mirrors> {
  const requests: string[] = []
  const app = express().disable('x-powered-by')
  app.use((req, _res, next) => {
    requests.push(`${req.method} ${req.originalUrl}`)
    next()
  })
  for (const [name, at] of Object.entries(upstreams))
    app.use(`/${name}`, isAbsolute(at) ? express.static(at, { dotfiles: 'allow' }) : passOn(new URL(at)))
  const server = createServer(app)
  const socket = relative('.', join(folder, 'mirrors.sock')) // a socket's path may have 107 bytes
  server.listen(socket)
  await once(server, 'listening')
  const script = ['--import=@tapjs/typescript/import', 'test/lab/lib/forward.ts', String(PORT), socket]
  const forward = startIn(lan.daemon, process.execPath, script, {
    name: 'mirror forwarder',
    logFile: join(folder, 'forward.log'),
  })
  await forward.output.waitFor(/forwarding/, 60_000)
  const named = Object.keys(upstreams).map(name => `${name}=http://127.0.0.1:${PORT}/${name}`)
  return {
    flags: ['--mirrors', named.join(',')],
    requests: () => [...requests],
    async close() {
      await forward.stop()
      server.closeAllConnections()
      server.close()
    },
  }
}

/** The same request to the upstream, under its own name; what it answers comes back as it is. */
function passOn(upstream: URL): RequestHandler {
  return (req, res) => {
    const path = `${upstream.pathname}${req.url}`.replaceAll('//', '/')
    const headers = { ...req.headers, host: upstream.host }
    const asked = request(upstream, { method: req.method, path, headers, timeout: IDLE_MS })
    asked.on('timeout', () => asked.destroy(new Error('the mirror is silent')))
    asked.on('error', error => (res.headersSent ? res.destroy() : res.status(502).end(`${error.message}\n`)))
    asked.on('response', answer => {
      res.writeHead(answer.statusCode ?? 502, answer.headers)
      pipeline(answer, res, () => {})
    })
    res.on('close', () => asked.destroy())
    asked.end()
  }
}
