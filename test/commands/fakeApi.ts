import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Context, Exit } from '../../src/commands/command.js'

/** Status 0 stands for a daemon that is away: the connection is closed without an answer. */
type FakeAnswer = readonly [status: number, body: unknown]
/** One answer after the other, the last one for good. */
type InTurn = { readonly inTurn: readonly FakeAnswer[] }

/** What the fake daemon answers: `'GET /systems'` to a status and a body. Anything else is 404. */
export type Answers = Readonly<Record<string, FakeAnswer | InTurn>>

export type Seen = { method: string; path: string; body: string; authorization: string | undefined }

/** An API that knows canned answers only, on a free loopback port; `seen` is what it was asked. */
export async function fakeApi(answers: Answers) {
  const seen: Seen[] = []
  const turns = new Map<string, number>()
  const answerTo = (asked: string): FakeAnswer => {
    const answer = answers[asked] ?? [404, error('not-found', `no system at ${asked.replace(/^\S+ /, '')}`)]
    if (!('inTurn' in answer)) return answer
    const turn = turns.get(asked) ?? 0
    turns.set(asked, turn + 1)
    return answer.inTurn[Math.min(turn, answer.inTurn.length - 1)] ?? [500, 'no turn']
  }
  const server = createServer(async (req, res) => {
    const path = (req.url ?? '').replace('/api/v1', '')
    const { authorization } = req.headers
    seen.push({ method: req.method ?? '', path, body: await bodyOf(req), authorization })
    const [status, body] = answerTo(`${req.method} ${path}`)
    if (status === 0) res.destroy()
    else if (Buffer.isBuffer(body)) res.writeHead(status).end(body)
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

/** A world whose output is kept; its time stands still but for pauses, which take none of ours. */
export function fakeContext(server: string): Context & { stdout: () => string; stderr: () => string } {
  const out: string[] = []
  const err: string[] = []
  let passed = 0 // ms
  return {
    env: { MUSTER_SERVER: server, MUSTER_TOKEN: 'secret', MUSTER_CONFIG: '/dev/null', USER: 'kyo' },
    clock: () => passed,
    pause: async ms => {
      passed += ms
    },
    get now() {
      return new Date(Date.UTC(2026, 0, 2, 12) + passed)
    },
    out: line => void out.push(line),
    err: line => void err.push(line),
    stdout: () => out.map(line => `${line}\n`).join(''),
    stderr: () => err.map(line => `${line}\n`).join(''),
  }
}

export type Ran = { exit: Exit; stdout: string; stderr: string }
