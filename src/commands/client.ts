import { type ClientConfig, type Defaults, loadClientConfig } from '../config.js'
import { type Command, type Context, EXIT, type Exit } from './command.js'

/** A command that cannot go on: its exit code, and one line that says what to do. */
export type Failure = { failed: Exit; why: string }
export type Answer<T> = { value: T } | Failure

export const hasFailed = (x: object): x is Failure => 'failed' in x

export type Client = {
  readonly server: string
  readonly defaults: Defaults
  /** `path` is under /api/v1; `wait` seconds are added to the time-out of a long poll. */
  json<T>(method: string, path: string, body?: object, wait?: number): Promise<Answer<T>>
  bytes(path: string): Promise<Answer<Buffer>>
}

/** How long a daemon on the LAN may take to answer. */
const TIMEOUT_MS = 15_000
/** More seconds, where the daemon asks nodes over SSH that may be away. */
export const SLOW_S = 60

/** Options that every command of this folder takes. */
export const clientOptions = {
  server: { type: 'string', requiresArg: true, describe: 'URL of the API [http://127.0.0.1:8068]' },
  'token-file': { type: 'string', requiresArg: true, describe: 'file that holds the API token' },
  'state-dir': {
    type: 'string',
    requiresArg: true,
    describe: "the daemon's state directory, where its API token is [/var/lib/muster]",
  },
  config: { type: 'string', requiresArg: true, describe: "the daemon's YAML file of settings" },
} as const satisfies Command['options']

export function openClient(flags: Readonly<Record<string, unknown>>, { env }: Context): Client | Failure {
  const config = loadClientConfig(flags, env)
  if ('problems' in config) return { failed: EXIT.usage, why: config.problems.join('\nmuster: ') }
  if (config.token === undefined) return { failed: EXIT.failed, why: withoutToken(config) }
  const { server, token, defaults } = config
  return {
    server,
    defaults,
    async json<T>(method: string, path: string, body?: object, wait = 0): Promise<Answer<T>> {
      const got = await request(server, token, method, path, body, wait)
      return got instanceof Response ? { value: (await got.json()) as T } : got
    },
    bytes: async path => {
      const got = await request(server, token, 'GET', path)
      return got instanceof Response ? { value: Buffer.from(await got.arrayBuffer()) } : got
    },
  }
}

const withoutToken = ({ why }: ClientConfig & { why: string }) =>
  `${why}; run this as root or as the daemon's user on its host, or give the token in MUSTER_TOKEN or --token-file`

async function request(
  server: string,
  token: string,
  method: string,
  path: string,
  body?: object,
  wait = 0,
): Promise<Response | Failure> {
  try {
    const response = await fetch(`${server}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS + wait * 1000),
    })
    return response.ok ? response : await refusal(response, server)
  } catch (cause) {
    return { failed: EXIT.unreachable, why: unreachable(cause, server) }
  }
}

/** fetch hides the reason in `cause`. */
function unreachable(error: unknown, server: string): string {
  const reason = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
  return `the daemon does not answer on ${server} (${reason}); is it running? Start it with 'muster serve', or say where it is with --server`
}

const EXIT_OF: Record<number, Exit> = {
  400: EXIT.usage,
  403: EXIT.refused,
  404: EXIT.notFound,
  409: EXIT.refused,
}

async function refusal(response: Response, server: string): Promise<Failure> {
  if (response.status === 401)
    return {
      failed: EXIT.failed,
      why: `${server} does not accept this token; it is in api-token in the daemon's state directory`,
    }
  const body: unknown = await response.json().catch(() => undefined)
  const why = messageOf(body) ?? `${server} answers ${response.status} ${response.statusText}`
  return { failed: EXIT_OF[response.status] ?? EXIT.failed, why }
}

/** `{error: {code, message}}` is how the API refuses. */
function messageOf(body: unknown): string | undefined {
  const { error } = (body ?? {}) as { error?: { message?: unknown } }
  return typeof error?.message === 'string' ? error.message : undefined
}

/** Tells why and gives the exit code, for the end of a `run`. An earlier failure's code stays. */
export function fail({ failed, why }: Failure, { err }: Context, earlier: Exit = EXIT.ok): Exit {
  err(`muster: ${why}`)
  return earlier || failed
}
