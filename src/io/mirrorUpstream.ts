import { once } from 'node:events'
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'

/** Asks a mirror, follows its redirects, and gives up in time. */
export type Upstream = {
  /** @throws UpstreamError (rejects) when there is no answer; the body is the caller's to read or to destroy */
  ask(url: string, method: 'GET' | 'HEAD', headers?: OutgoingHttpHeaders): Promise<IncomingMessage>
  close(): void
}

/** `status` is what a client is told: 502 for a mirror that cannot be reached, 504 for one that is silent. */
export class UpstreamError extends Error {
  constructor(
    message: string,
    readonly status: 502 | 504,
  ) {
    super(message)
  }
}

const MAX_REDIRECTS = 5
const REDIRECTS = [301, 302, 303, 307, 308]

/**
 * Certificates are checked against those of Node and of NODE_EXTRA_CA_CERTS.
 * @param silence ms without a byte, from connecting on, until a mirror counts as silent
 * @param connections to one host at once; further requests wait for one of them
 */
export function createUpstream(silence = 30_000, connections = 16): Upstream {
  const options = { keepAlive: true, maxSockets: connections, timeout: silence }
  const agents = { 'http:': new HttpAgent(options), 'https:': new HttpsAgent(options) }

  async function ask(from: string, method: 'GET' | 'HEAD', headers: OutgoingHttpHeaders = {}) {
    let url = new URL(from)
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      const res = await askOnce(url, method, headers)
      const { statusCode = 0 } = res
      if (!REDIRECTS.includes(statusCode) || !res.headers.location) return res
      res.resume()
      url = redirected(url, res.headers.location)
    }
    throw new UpstreamError(`${from} redirects more than ${MAX_REDIRECTS} times`, 502)
  }

  async function askOnce(url: URL, method: 'GET' | 'HEAD', headers: OutgoingHttpHeaders) {
    const secure = url.protocol === 'https:'
    const send = () =>
      (secure ? httpsRequest : httpRequest)(url, {
        method,
        agent: secure ? agents['https:'] : agents['http:'],
        timeout: silence,
        headers: { 'user-agent': 'muster', 'accept-encoding': 'identity', ...headers },
      })
    try {
      return await answered(send, silence)
    } catch (cause) {
      if (cause instanceof UpstreamError) throw cause
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new UpstreamError(`${url.origin} cannot be reached: ${why}`, 502)
    }
  }

  return { ask, close: () => Object.values(agents).forEach(agent => void agent.destroy()) }
}

/** A connection that was kept open may be closed by the other side at the moment we use it: then a new one is tried. */
async function answered(send: () => ClientRequest, silence: number): Promise<IncomingMessage> {
  const req = send()
  try {
    return await response(req, silence)
  } catch (cause) {
    if (!req.reusedSocket || cause instanceof UpstreamError) throw cause
    return response(send(), silence)
  }
}

async function response(req: ClientRequest, silence: number): Promise<IncomingMessage> {
  const late = new UpstreamError(`${req.host} said nothing for ${silence / 1000} s`, 504)
  req.once('timeout', () => req.destroy(late))
  const answer = once(req, 'response')
  req.end()
  const [res] = (await answer) as [IncomingMessage]
  req.on('error', () => {}).on('timeout', () => res.destroy(late)) // from here on the body tells
  return res
}

/** Within http and https, and never from https back to http. */
function redirected(from: URL, location: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined
  const safe = to?.protocol === 'https:' || (to?.protocol === 'http:' && from.protocol === 'http:')
  if (!to || !safe)
    throw new UpstreamError(`${from.href} redirects to ${location}, which is not followed`, 502)
  return to
}
