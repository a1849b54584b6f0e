import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import type { Logger } from 'pino'
import { createAllowance } from '../core/allowance.js'
import { negotiate, requestedName } from '../core/tftpTransfer.js'
import { decodeTftp, ERROR_CODE, encodeTftp, type TftpRequest, toNetascii } from '../wire/tftp.js'
import { type Ending, literal, TftpSession } from './tftpSession.js'

export type TftpOptions = {
  address: string // IPv4 literal
  port: number // 0: any free one
  /** The allow-list: the whole file, one Buffer shared by all who read it; undefined for every other name. */
  open: (name: string) => Promise<Buffer | undefined>
  maxTransfers: number
  mtu?: number // of the LAN, bytes; 1500 unless told
  log: Logger
}

const COUNTERS = [
  ...['requests', 'restarted', 'malformed', 'not-found', 'refused', 'busy', 'failed'],
  ...['complete', 'unconfirmed', 'timed-out', 'aborted', 'stopped', 'foreign', 'resent', 'bytes'],
] as const

export type TftpServer = {
  port: number
  /** Totals since the start, and `active`: the transfers under way. */
  counters(): Record<string, number>
  /** Ends all transfers without a word and frees the port. */
  close(): Promise<void>
}

const DEFAULT_MTU = 1500
const REFUSALS_TOLD = 20 // log lines a second; the counters have them all
const REQUEST_BUFFER = 1 << 20 // bytes; a room full of machines asks at once. The kernel may grant less

const key = (peer: RemoteInfo) => `${peer.address}:${peer.port}`

/** The network side of the TFTP server; what to send and when is decided in core/tftpTransfer. */
export async function startTftp(o: TftpOptions): Promise<TftpServer> {
  const { log, mtu = DEFAULT_MTU } = o
  const sessions = new Map<string, TftpSession>()
  const count: Record<string, number> = Object.fromEntries(COUNTERS.map(name => [name, 0]))
  const add = (name: string, n = 1) => {
    count[name] = (count[name] ?? 0) + n
  }
  const mayTell = createAllowance(REFUSALS_TOLD)
  const netascii = new WeakMap<Buffer, Buffer>() // one converted copy for all readers, too

  const listener = createSocket({ type: 'udp4', lookup: literal, recvBufferSize: REQUEST_BUFFER })

  function refuse(peer: RemoteInfo, why: string, code: number, message: string, file?: string) {
    add(why)
    if (mayTell(Date.now())) log.info({ address: peer.address, file, why: message }, 'refused')
    listener.send(encodeTftp({ op: 'error', code, message }), peer.port, peer.address)
  }

  function inMode(mode: string, file: Buffer): Buffer {
    if (mode === 'octet') return file
    const converted = netascii.get(file) ?? toNetascii(file)
    netascii.set(file, converted)
    return converted
  }

  function ended(session: TftpSession, how: Ending) {
    const id = key(session.peer)
    if (sessions.get(id) === session) sessions.delete(id)
    add(how.outcome)
    add('bytes', how.bytes)
    add('resent', how.resent)
    const quiet = how.outcome === 'aborted' || how.outcome === 'stopped'
    const level = quiet ? 'debug' : how.outcome === 'timed-out' ? 'warn' : 'info'
    log[level]({ address: session.peer.address, file: session.name, ...how }, `transfer ${how.outcome}`)
  }

  async function start(request: TftpRequest, bytes: Buffer, peer: RemoteInfo) {
    const name = requestedName(request.file)
    const foreign = () => add('foreign')
    const session = new TftpSession({ local: o.address, peer, name, request: bytes, ended, foreign })
    sessions.set(key(peer), session)
    const file = await o.open(name).catch((cause: unknown) => {
      log.error({ err: cause, file: name }, 'cannot read')
      return null
    })
    if (session.over) return // closed, or the same client asked for something else in the meantime
    if (file) {
      const content = inMode(request.mode, file)
      session.begin(content, negotiate(request.options, content.length, mtu))
      return
    }
    sessions.delete(key(peer))
    session.drop()
    if (file === null) refuse(peer, 'failed', ERROR_CODE.other, 'cannot be read, see the server log', name)
    else refuse(peer, 'not-found', ERROR_CODE.notFound, 'no such file', name)
  }

  function requested(request: TftpRequest, bytes: Buffer, peer: RemoteInfo) {
    add('requests')
    if (request.op === 'wrq')
      return refuse(peer, 'refused', ERROR_CODE.accessViolation, 'read only', request.file)
    if (request.mode !== 'octet' && request.mode !== 'netascii')
      return refuse(peer, 'refused', ERROR_CODE.illegalOperation, 'mode is octet or netascii', request.file)
    const before = sessions.get(key(peer))
    if (before) {
      add('restarted')
      if (before.again(bytes)) return
      before.stop()
    }
    if (sessions.size >= o.maxTransfers)
      return refuse(
        peer,
        'busy',
        ERROR_CODE.other,
        `busy: ${o.maxTransfers} transfers under way`,
        request.file,
      )
    void start(request, bytes, peer)
  }

  listener.on('message', (bytes, peer) => {
    // Who sends from port 0 takes no answer (RFC 768), and dgram throws when told to send one.
    const packet = peer.port === 0 ? undefined : decodeTftp(bytes)
    if (packet?.op === 'rrq' || packet?.op === 'wrq') requested(packet, bytes, peer)
    else add(packet ? 'foreign' : 'malformed')
  })
  const listening = once(listener, 'listening') // before bind: with a literal address it listens at once
  listener.bind(o.port, o.address)
  await listening
  listener.on('error', err => log.error({ err }, 'listener'))

  return {
    port: listener.address().port,
    counters: () => ({ ...count, active: sessions.size }),
    async close() {
      for (const session of sessions.values()) session.stop()
      listener.close()
      await once(listener, 'close')
    },
  }
}
