import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import {
  type Action,
  acknowledged,
  begin,
  nextLook,
  type Outcome,
  repeated,
  type Terms,
  type Transfer,
  timedOut,
} from '../core/tftpTransfer.js'
import { dataHead, decodeTftp, ERROR_CODE, encodeTftp } from '../wire/tftp.js'

/** How a transfer ended, for the log and the counters. */
export type Ending = {
  outcome: Outcome | 'aborted' | 'stopped'
  why?: string // the client's own words
  bytes: number // of the file, acknowledged
  ms: number
  resent: number // packets
  blksize?: number
  windowsize?: number
}

type SessionOptions = {
  local: string // the server's address
  peer: RemoteInfo
  name: string
  request: Buffer // as received: the same bytes once more are a repetition
  ended: (session: TftpSession, how: Ending) => void
  foreign: () => void // somebody else's packet came to this transfer's port
}

const WRONG_TID = encodeTftp({
  op: 'error',
  code: ERROR_CODE.unknownTransferId,
  message: 'unknown transfer id',
})

type Found = (error: null, address: string, family: number) => void

/** All addresses here are literals: nothing is looked up, and a packet leaves in the same turn of the event loop. */
export const literal = (address: string, _options: unknown, found: Found) => found(null, address, 4)

/**
 * One client's read under way, with a socket of its own, whose port is the transfer id (RFC 1350 section 4).
 * It has no socket until the file is there.
 */
export class TftpSession {
  readonly peer: RemoteInfo
  readonly name: string
  #o: SessionOptions
  #socket: Socket | undefined
  #file: Buffer = Buffer.alloc(0)
  #transfer: Transfer | undefined
  #oack: Buffer = Buffer.alloc(0)
  #highest = -1 // the last block that was ever sent
  #resent = 0
  #began = performance.now()
  #timer: NodeJS.Timeout | undefined
  #over = false

  constructor(o: SessionOptions) {
    this.#o = o
    this.peer = o.peer
    this.name = o.name
  }

  get over() {
    return this.#over
  }

  begin(file: Buffer, terms: Terms) {
    this.#file = file
    this.#oack = encodeTftp({ op: 'oack', options: terms.oack })
    this.#socket = createSocket({ type: 'udp4', lookup: literal })
    this.#socket.on('message', (bytes, from) => this.#received(bytes, from))
    this.#socket.on('error', error => this.#end('aborted', error.message))
    this.#socket.bind(0, this.#o.local, () => {
      this.#do(begin(terms, file.length, performance.now()))
      this.#watch()
    })
  }

  /** The same port asks again. @returns false when it wants something else: end this session, make another. */
  again(request: Buffer): boolean {
    if (!request.equals(this.#o.request)) return false
    if (this.#transfer) this.#do(repeated(this.#transfer, this.#file.length, performance.now()))
    return true
  }

  stop() {
    this.#end('stopped')
  }

  /** Frees the socket and says nothing to anybody. */
  drop() {
    this.#over = true
    clearTimeout(this.#timer)
    this.#socket?.close()
    this.#socket = undefined
  }

  #received(bytes: Buffer, from: RemoteInfo) {
    if (from.port !== this.peer.port || from.address !== this.peer.address) {
      this.#o.foreign()
      if (from.port !== 0) this.#socket?.send(WRONG_TID, from.port, from.address) // 0 takes no answer
      return
    }
    const packet = decodeTftp(bytes)
    if (packet?.op === 'ack' && this.#transfer)
      this.#do(acknowledged(this.#transfer, packet.block, performance.now()))
    else if (packet?.op === 'error') this.#end('aborted', `${packet.code} ${packet.message}`.trim())
  }

  #do([transfer, action]: readonly [Transfer, Action]) {
    this.#transfer = transfer
    if (action.kind === 'send') for (let b = action.first; b <= action.last; b++) this.#send(b)
    else if (action.kind === 'end') this.#end(action.outcome)
  }

  /** One timer that looks a few times a second and is not touched per packet. */
  #watch() {
    if (!this.#transfer) return
    const now = performance.now()
    this.#do(timedOut(this.#transfer, now))
    if (!this.#over) this.#timer = setTimeout(() => this.#watch(), Math.ceil(nextLook(this.#transfer, now)))
  }

  #send(block: number) {
    const { port, address } = this.peer
    if (block <= this.#highest) this.#resent++
    else this.#highest = block
    if (block === 0) return this.#socket?.send(this.#oack, port, address)
    const { blksize } = (this.#transfer as Transfer).terms
    const data = this.#file.subarray((block - 1) * blksize, block * blksize)
    this.#socket?.send([dataHead(block), data], port, address)
  }

  #end(outcome: Ending['outcome'], why?: string) {
    if (this.#over) return
    this.drop()
    const { acked = 0, terms } = this.#transfer ?? {}
    this.#o.ended(this, {
      outcome,
      ...(why && { why }),
      bytes: Math.min(Math.max(acked, 0) * (terms?.blksize ?? 0), this.#file.length),
      ms: Math.round(performance.now() - this.#began),
      resent: this.#resent,
      ...(terms && { blksize: terms.blksize, windowsize: terms.windowsize }),
    })
  }
}
