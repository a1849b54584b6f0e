import ssh2 from 'ssh2'

/** A command for a node. `end` cuts it short: aborting it is the only time-out beside the handshake's. */
export type OnNode = {
  readonly address: string
  readonly port?: number // 22 unless a test says otherwise
  readonly user: string
  readonly key: string // private, in OpenSSH's format
  readonly hostKeys: readonly string[] // `ssh-ed25519 AAAA…`; any other one is refused
  readonly command: string
  readonly end: AbortSignal
}

/** What the command wrote, as far as it is worth keeping, and how it ended. */
export type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string }

const HANDSHAKE_MS = 20_000 // a small node under load takes seconds for the mathematics
const KEPT = 64 * 1024 // characters of each stream

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
 * @throws Error (rejects) when the node cannot be reached, shows another host key, does not accept the key, or does not
 *   tell how the command ended
 */
export async function runOnNode(o: OnNode): Promise<Ran> {
  const pinned = o.hostKeys.map(line => line.split(' '))
  const serverHostKey = pinned.flatMap(([type = '']) => PROOFS[type] ?? [])
  if (serverHostKey.length === 0) throw new Error(`no usable host key of ${o.address} is known`)
  if (o.end.aborted) throw new Error(`no time left for ${o.address}`)

  const client = new ssh2.Client()
  let stranger = false
  const hostVerifier = (key: Buffer) => {
    stranger = !pinned.some(([, encoded]) => encoded === key.toString('base64'))
    return !stranger
  }
  const cut = () => client.destroy()
  o.end.addEventListener('abort', cut)
  try {
    await connect(client, {
      ...{ host: o.address, port: o.port ?? 22, username: o.user, privateKey: o.key },
      ...{ readyTimeout: HANDSHAKE_MS, hostVerifier, algorithms: { serverHostKey } },
    })
    return await exec(client, o.command)
  } catch (cause) {
    throw new Error(reason(o, stranger, cause), { cause })
  } finally {
    o.end.removeEventListener('abort', cut)
    client.destroy()
  }
}

function reason({ address, user, end }: OnNode, stranger: boolean, cause: unknown): string {
  const { level, message } = cause as Error & { level?: string }
  if (end.aborted) return `${address} did not answer in time`
  if (stranger) return `${address} shows another SSH host key than the one it was installed with`
  if (level === 'client-authentication') return `${address} does not accept muster's SSH key for ${user}`
  return `cannot reach ${address} over SSH: ${message}`
}

/** The client's errors after this moment come as the end of the command. */
function connect(client: ssh2.Client, config: ssh2.ConnectConfig): Promise<void> {
  return new Promise((resolve, reject) => {
    client.on('error', reject).once('ready', resolve).once('close', ended(reject)).connect(config)
  })
}

const ended = (reject: (error: Error) => void) => () => reject(new Error('the connection ended'))

function exec(client: ssh2.Client, command: string): Promise<Ran> {
  return new Promise((resolve, reject) => {
    client.once('error', reject).once('close', ended(reject))
    client.exec(command, (error, channel) => {
      if (error) return reject(error)
      const [stdout, stderr] = [keeper(channel), keeper(channel.stderr)]
      let code: number | undefined
      channel.once('exit', (exit: number | null, signal?: string) => {
        code = exit ?? 128
        if (signal) reject(new Error(`the command was ended by ${signal}`))
      })
      channel.once('close', () => {
        if (code === undefined) reject(new Error('the command told no exit code'))
        else resolve({ code, stdout: stdout(), stderr: stderr() })
      })
    })
  })
}

/** Reads all of a stream, and gives its last part. */
function keeper(stream: NodeJS.ReadableStream): () => string {
  let text = ''
  stream.on('data', (data: Buffer) => {
    text = (text + data.toString()).slice(-KEPT)
  })
  return () => text
}
