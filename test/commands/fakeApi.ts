import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Context, Exit } from '../../src/commands/command.js'

/** What the fake daemon answers: `'GET /systems'` to a status and a body. Anything else is 404. */
export type Answers = Readonly<Record<string, readonly [status: number, body: unknown]>>

export type Seen = { method: string; path: string; body: string; authorization: string | undefined }

/** An API that knows canned answers only, on a free loopback port; `seen` is what it was asked. */
export async function fakeApi(answers: Answers) {
  const seen: Seen[] = []
  const server = createServer(async (req, res) => {
    const path = (req.url ?? '').replace('/api/v1', '')
    const { authorization } = req.headers
    seen.push({ method: req.method ?? '', path, body: await bodyOf(req), authorization })
    const [status, body] = answers[`${req.method} ${path}`] ?? [
      404,
      error('not-found', `no system at ${path}`),
    ]
    if (Buffer.isBuffer(body)) res.writeHead(status).end(body)
    else res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const close = () => new Promise(done => server.close(done).closeAllConnections())
  return { url: `http://127.0.0.1:${port}`, seen, close }
}

export const error = (code: string, message: string) => ({ error: { code, message } })

async function bodyOf(req: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of req) text += chunk
  return text
}

/** A world whose output is kept, at a fixed time. */
export function fakeContext(server: string): Context & { stdout: () => string; stderr: () => string } {
  const out: string[] = []
  const err: string[] = []
  return {
    env: { MUSTER_SERVER: server, MUSTER_TOKEN: 'secret', MUSTER_CONFIG: '/dev/null' },
    now: new Date('2026-01-02T12:00:00Z'),
    out: line => void out.push(line),
    err: line => void err.push(line),
    stdout: () => out.map(line => `${line}\n`).join(''),
    stderr: () => err.map(line => `${line}\n`).join(''),
  }
}

export type Ran = { exit: Exit; stdout: string; stderr: string }
