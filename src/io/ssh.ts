import ssh2 from 'ssh2'

/** How a node is reached. `end` cuts it short: aborting it is the only time-out beside the handshake's and keep-alive's. */
export type Reach = {
  readonly address: string
  readonly port?: number // 22 unless a test says otherwise
  readonly user: string
  readonly key: string // private, in OpenSSH's format
  readonly hostKeys: readonly string[] // `ssh-ed25519 AAAA…`; any other one is refused
  readonly end: AbortSignal
}

/** A command for a node; `kept` characters of the end of each stream are worth keeping. */
export type Command = {
  readonly command: string
  readonly input?: Buffer // its standard input; absent: nothing
  readonly kept?: number
}
export type OnNode = Reach & Command

/** What the command wrote, as far as it is worth keeping, and how it ended. */
export type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string }

/** A connection to a node, for one command after the other. */
export type SshSession = {
  /** @throws SshError (rejects) when the connection ends, or the command does not tell how it ended */
  run(command: Command): Promise<Ran>
  close(): void
}

/** `stranger`: it shows another host key than those that are known; nothing was told to it. */
export type SshFault = 'unreachable' | 'stranger'

export class SshError extends Error {
  constructor(
    readonly fault: SshFault,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.name = 'SshError'
  }
}

const HANDSHAKE_MS = 20_000 // a small node under load takes seconds for the mathematics
const KEEP_ALIVE = { keepaliveInterval: 10_000, keepaliveCountMax: 3 } // a node without power says no goodbye
const KEPT = 64 * 1024

/** The algorithms by which a key of that type proves itself (RFC 8332 for RSA); without SHA-1. */
const PROOFS: Readonly<Record<string, readonly ssh2.ServerHostKeyAlgorithm[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
}

/**
 * Runs one command on a node whose host keys are known.
 * @throws SshError (rejects) as {@link openSession} and its `run`
 */
export async function runOnNode(o: OnNode): Promise<Ran> {
  const session = await openSession(o)
  try {
    return await session.run(o)
  } finally {
    session.close()
  }
}

const NO_SUCH_KEY = /no matching host key/i // ssh2's words; RFC 4253 section 7.1

/**
 * Connects to a node whose host keys are known.
 * @throws SshError (rejects) when the node cannot be reached, shows another host key or does not accept the key
 */
export async function openSession(o: Reach): Promise<SshSession> {
  const pinned = o.hostKeys.map(line => line.split(' '))
  const serverHostKey = pinned.flatMap(([type = '']) => PROOFS[type] ?? [])
  if (serverHostKey.length === 0)
    throw new SshError('unreachable', `no usable host key of ${o.address} is known`)
  if (o.end.aborted) throw new SshError('unreachable', `no time left for ${o.address}`)

  const client = new ssh2.Client()
  let stranger = false
  const hostVerifier = (key: Buffer) => {
    stranger = !pinned.some(([, encoded]) => encoded === key.toString('base64'))
    return !stranger
  }
  const cut = () => client.destroy()
  o.end.addEventListener('abort', cut)
  const close = () => {
    o.end.removeEventListener('abort', cut)
    client.destroy()
  }
  const lost = lossOf(client)
  const explained = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (cause) {
      close()
      stranger ||= NO_SUCH_KEY.test((cause as Error).message) // it has none of the pinned kinds
      throw new SshError(stranger ? 'stranger' : 'unreachable', reason(o, stranger, cause), { cause })
    }
  }
  const config = { host: o.address, port: o.port ?? 22, username: o.user, privateKey: o.key }
  const terms = { readyTimeout: HANDSHAKE_MS, ...KEEP_ALIVE, hostVerifier, algorithms: { serverHostKey } }
  await explained(
    lost.orDone<void>(resolve => client.once('ready', resolve).connect({ ...config, ...terms })),
  )
  return {
    run: command => explained(lost.orDone((resolve, reject) => exec(client, command, resolve, reject))),
    close,
  }
}

function reason({ address, user, end }: Reach, stranger: boolean, cause: unknown): string {
  const { level, message } = cause as Error & { level?: string }
  if (end.aborted) return `${address} did not answer in time`
  if (stranger) return `${address} shows another SSH host key than the one it was installed with`
  if (level === 'client-authentication') return `${address} does not accept muster's SSH key for ${user}`
  return `cannot reach ${address} over SSH: ${message}`
}

type Reject = (cause: unknown) => void

/** Whatever is under way when the connection ends, or after it did, is rejected with the first thing that went wrong. */
function lossOf(client: ssh2.Client) {
  const waiting = new Set<Reject>()
  let first: Error | undefined
  const lose = (cause: Error) => {
    first ??= cause
    for (const reject of waiting) reject(first)
  }
  client.on('error', lose).on('close', () => lose(new Error('the connection ended')))
  return {
    async orDone<T>(work: (resolve: (value: T) => void, reject: Reject) => void): Promise<T> {
      let rejectThis: Reject = () => undefined
      try {
        return await new Promise<T>((resolve, reject) => {
          rejectThis = reject
          waiting.add(reject)
          if (first) reject(first)
          else work(resolve, reject)
        })
      } finally {
        waiting.delete(rejectThis)
      }
    },
  }
}

function exec(
  client: ssh2.Client,
  { command, input, kept = KEPT }: Command,
  resolve: (ran: Ran) => void,
  reject: Reject,
): void {
  client.exec(command, (error, channel) => {
    if (error) return reject(error)
    const [stdout, stderr] = [keeper(channel, kept), keeper(channel.stderr, kept)]
    let code: number | undefined
    channel.once('error', reject)
    channel.once('exit', (exit: number | null, signal?: string) => {
      code = exit ?? 128
      if (signal) reject(new Error(`the command was ended by ${signal}`))
    })
    channel.once('close', () => {
      if (code === undefined) reject(new Error('the command told no exit code'))
      else resolve({ code, stdout: stdout(), stderr: stderr() })
    })
    channel.end(input)
  })
}

/** Reads all of a stream, and gives its last part. */
function keeper(stream: NodeJS.ReadableStream, kept: number): () => string {
  const pieces: Buffer[] = []
  let size = 0
  stream.on('data', (data: Buffer) => {
    pieces.push(data)
    size += data.length
    while (pieces[0] && size - pieces[0].length >= kept) size -= pieces.shift()?.length ?? 0
  })
  return () => Buffer.concat(pieces).toString().slice(-kept)
}
