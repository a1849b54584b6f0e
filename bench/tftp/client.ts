import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { literal } from '../../src/servers/tftpSession.js'
import { decodeTftp, encodeTftp } from '../../src/wire/tftp.js'

/** What one read gave. */
export type Read = { data: Buffer; ms: number }

export type ReadOptions = {
  port: number // on 127.0.0.1
  file: string
  size: number // bytes to make room for
  blksize: number
  windowsize: number // 1: lock-step
}

const ASK_AGAIN = 1000 // ms; the request itself may be lost
const QUIET = 5000 // ms of silence after which the last ACK is sent again; sooner it is the server's turn
const ABSENT = 20_000 // ms; no server there
const GIVE_UP = 180_000

/** One read by a plain client: an ACK per window, one for a gap, one for a last block that comes again (RFC 7440). */
class Reader {
  readonly #o: ReadOptions
  readonly #data: Buffer
  readonly #socket: Socket = createSocket({ type: 'udp4', lookup: literal })
  readonly #began = performance.now()
  readonly #done: (result: Read | Error) => void
  readonly #timer: NodeJS.Timeout
  #server: number | undefined // the transfer id
  #blksize = 512
  #windowsize = 1
  #expected = 0 // the next block; the OACK plays block 0
  #inWindow = 0
  #gap = false // the loss of the expected block was reported
  #length = 0
  #heard = performance.now()

  constructor(o: ReadOptions, done: (result: Read | Error) => void) {
    this.#o = o
    this.#done = done
    this.#data = Buffer.alloc(o.size + o.blksize)
    this.#timer = setInterval(() => this.#look(), 100)
    this.#socket.on('message', (bytes, from) => this.#received(bytes, from))
    this.#socket.bind(0, '127.0.0.1', () => this.#ask())
  }

  #ask() {
    const { file, blksize, windowsize } = this.#o
    const options = [['blksize', `${blksize}`] as const, ['windowsize', `${windowsize}`] as const]
    this.#heard = performance.now()
    this.#socket.send(encodeTftp({ op: 'rrq', file, mode: 'octet', options }), this.#o.port, '127.0.0.1')
  }

  #ack() {
    const ack = Buffer.allocUnsafe(4)
    ack.writeUInt32BE(0x40000 + ((this.#expected - 1) & 0xffff))
    this.#socket.send(ack, this.#server, '127.0.0.1')
  }

  #look() {
    const now = performance.now()
    if (now - this.#began > GIVE_UP) this.#end(new Error('no end after three minutes'))
    else if (this.#server === undefined && now - this.#began > ABSENT) this.#end(new Error('no answer'))
    else if (this.#server === undefined && now - this.#heard > ASK_AGAIN) this.#ask()
    else if (this.#server !== undefined && now - this.#heard > QUIET) {
      this.#heard = now
      this.#ack()
    }
  }

  #end(result: Read | Error) {
    clearInterval(this.#timer)
    this.#socket.close()
    this.#done(result)
  }

  #received(bytes: Buffer, from: RemoteInfo) {
    this.#server ??= from.port
    if (from.port !== this.#server) return
    this.#heard = performance.now()
    if (bytes[1] === 3) this.#block(bytes.readUInt16BE(2), bytes)
    else this.#other(bytes)
  }

  #other(bytes: Buffer) {
    const packet = decodeTftp(bytes)
    if (packet?.op === 'error') return this.#end(new Error(packet.message))
    if (packet?.op !== 'oack' || this.#expected > 1) return
    for (const [name, value] of packet.options) {
      if (name === 'blksize') this.#blksize = Number(value)
      if (name === 'windowsize') this.#windowsize = Number(value)
    }
    this.#expected = 1
    this.#ack()
  }

  #block(number: number, bytes: Buffer) {
    if (this.#expected === 0) this.#expected = 1 // no OACK: a server without options
    const ahead = (number - this.#expected) & 0xffff
    if (ahead === 0) return this.#next(bytes)
    if (ahead === 0xffff) return this.#ack()
    if (ahead > 0x7fff || this.#gap) return
    this.#gap = true
    this.#inWindow = 0
    this.#ack()
  }

  #next(bytes: Buffer) {
    this.#length += bytes.copy(this.#data, this.#length, 4)
    this.#expected++
    this.#inWindow++
    this.#gap = false
    const last = bytes.length - 4 < this.#blksize
    if (!last && this.#inWindow < this.#windowsize) return
    this.#inWindow = 0
    this.#ack()
    if (last) this.#end({ data: this.#data.subarray(0, this.#length), ms: performance.now() - this.#began })
  }
}

export const read = (o: ReadOptions): Promise<Read> =>
  new Promise((done, fail) => {
    new Reader(o, result => (result instanceof Error ? fail(result) : done(result)))
  })
