import type { TftpOption } from '../wire/tftp.js'

/**
 * One TFTP read, without sockets or clocks: what the client does goes in, what to send comes out
 * (RFC 1350, 2347, 2348, 2349, 7440). Blocks are counted from 1 and never wrap here; only the wire has 16 bits.
 * The OACK plays block 0, because ACK 0 is its acknowledgement.
 */

export type Terms = {
  readonly blksize: number // bytes of data per packet
  readonly windowsize: number // packets per acknowledgement
  readonly timeout: number // ms until a retransmission; doubles with each
  readonly adaptive: boolean // the client named no timeout of its own
  readonly oack: readonly TftpOption[] // empty: no OACK, the first DATA answers
}

export type Transfer = {
  readonly terms: Terms
  readonly blocks: number // DATA packets that the file makes, the short or empty last one included
  readonly began: number // ms
  readonly acked: number // the client has everything up to here; -1 while the OACK is not acknowledged
  readonly sent: number // the last block under way
  readonly sentAt: number // ms; when the blocks after `acked` were sent
  readonly retries: number // times that they were sent again
  readonly slowest: number // ms; the longest that the client took for an answer so far, 0 before the first
}

export type Action =
  | { readonly kind: 'wait' }
  | { readonly kind: 'send'; readonly first: number; readonly last: number } // block 0 is the OACK
  | { readonly kind: 'end'; readonly outcome: Outcome }

/** `unconfirmed`: all was sent and the last ACK never came, which many clients leave out. */
export type Outcome = 'complete' | 'unconfirmed' | 'timed-out'

type Step = readonly [Transfer, Action]

const DEFAULT_BLKSIZE = 512 // RFC 1350 section 2
const MIN_BLKSIZE = 8 // RFC 2348
const MAX_BLKSIZE = 65_464
const IP_UDP_TFTP = 32 // 20 + 8 + 4 bytes of headers: many ROMs cannot put fragments together again
const MAX_WINDOWSIZE = 64 // 64 full Ethernet frames fit Linux' default receive buffer of 208 KiB
const TIMEOUT = 1000 // ms
const LONGEST_TIMEOUT = 8000
const EARLIEST_TIMEOUT = 250 // ms; a firmware that draws its progress may pause for some tens
const MAX_RETRIES = 5
const DUPLICATE_WITHIN = 250 // ms; see `repeated`

const WAIT: Action = { kind: 'wait' }
const OACK: Action = { kind: 'send', first: 0, last: 0 }

function integer(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined
}

/** What is granted for an option; undefined leaves it out of the OACK (RFC 2347: never offer what was not asked for). */
function grant(name: string, asked: number, size: number, mtu: number): number | undefined {
  switch (name) {
    case 'blksize':
      if (asked < MIN_BLKSIZE) return undefined
      return Math.min(asked, MAX_BLKSIZE, Math.max(mtu - IP_UDP_TFTP, MIN_BLKSIZE))
    case 'windowsize':
      return asked >= 1 && asked <= 65_535 ? Math.min(asked, MAX_WINDOWSIZE) : undefined
    case 'timeout':
      return asked >= 1 && asked <= 255 ? asked : undefined
    case 'tsize':
      return size
  }
  return undefined
}

/** @param size bytes of the file as sent; @param mtu of the path, bytes. Unknown and senseless options are ignored. */
export function negotiate(options: readonly TftpOption[], size: number, mtu: number): Terms {
  const granted = new Map<string, number>()
  const oack: TftpOption[] = []
  for (const [spelling, text] of options) {
    const name = spelling.toLowerCase()
    const asked = integer(text)
    const value = asked === undefined || granted.has(name) ? undefined : grant(name, asked, size, mtu)
    if (value === undefined) continue
    granted.set(name, value)
    oack.push([spelling, String(value)])
  }
  const seconds = granted.get('timeout')
  return {
    blksize: granted.get('blksize') ?? DEFAULT_BLKSIZE,
    windowsize: granted.get('windowsize') ?? 1,
    timeout: seconds ? seconds * 1000 : TIMEOUT,
    adaptive: seconds === undefined,
    oack,
  }
}

/**
 * When `timedOut` is due, ms. RFC 1123 section 4.2.3.2 demands a timeout that adapts: to a client that answers fast the
 * first retransmission goes early. The later ones wait for the full timeout and more, since the client may be busy.
 */
function deadline({ terms, retries, slowest, sentAt }: Transfer): number {
  const { timeout, adaptive } = terms
  const early = Math.min(Math.max(4 * slowest, EARLIEST_TIMEOUT), timeout)
  const first = adaptive && slowest > 0 ? early : timeout
  if (retries === 0) return sentAt + first
  return sentAt + Math.min(Math.max(first, timeout / 2) * 2 ** retries, Math.max(timeout, LONGEST_TIMEOUT))
}

/** The window after `acked`. */
function onward(t: Transfer, acked: number, slowest: number, now: number): Step {
  const sent = Math.min(acked + t.terms.windowsize, t.blocks)
  const { terms, blocks, began } = t // named one by one: this runs for every packet, a spread costs twice as much
  return [
    { terms, blocks, began, acked, sent, sentAt: now, retries: 0, slowest },
    { kind: 'send', first: acked + 1, last: sent },
  ]
}

/** Starts (or starts again) a transfer of `size` bytes. */
export function begin(terms: Terms, size: number, now: number): Step {
  const blocks = Math.floor(size / terms.blksize) + 1
  const fresh = { terms, blocks, began: now, acked: 0, sent: 0, sentAt: now, retries: 0, slowest: 0 }
  if (terms.oack.length === 0) return onward(fresh, 0, 0, now)
  return [{ ...fresh, acked: -1 }, OACK]
}

/**
 * An ACK with its 16-bit number. Only one that moves on within what is under way counts: answering a second copy is
 * the sorcerer's apprentice (RFC 1123 section 4.2.3.1). An ACK in the midst of a window tells of a loss, and sending
 * goes on right after it (RFC 7440 section 4).
 */
export function acknowledged(transfer: Transfer, block: number, now: number): Step {
  const ahead = (block - transfer.acked) & 0xffff
  if (ahead === 0 || ahead > transfer.sent - transfer.acked) return [transfer, WAIT]
  const acked = transfer.acked + ahead
  if (acked === transfer.blocks)
    return [
      { ...transfer, acked },
      { kind: 'end', outcome: 'complete' },
    ]
  // The answer to a retransmission may be the late answer to the original: it tells no time (Karn).
  const took = transfer.retries > 0 ? 0 : now - transfer.sentAt
  return onward(transfer, acked, Math.max(transfer.slowest, took), now)
}

/**
 * How many ms a timer may sleep before it calls `timedOut` (again). Never longer than the shortest timeout, so that a
 * sleeper need not be woken when an answer shortens a wait that had grown.
 */
export function nextLook(transfer: Transfer, now: number): number {
  const { timeout, adaptive } = transfer.terms
  return Math.max(0, Math.min(deadline(transfer) - now, adaptive ? EARLIEST_TIMEOUT : timeout))
}

/** To be called when the deadline may have passed: sends what is unacknowledged again, or gives up. */
export function timedOut(transfer: Transfer, now: number): Step {
  if (now < deadline(transfer)) return [transfer, WAIT]
  const { acked, sent, blocks, retries } = transfer
  if (retries >= MAX_RETRIES)
    return [transfer, { kind: 'end', outcome: sent === blocks ? 'unconfirmed' : 'timed-out' }]
  return [
    { ...transfer, retries: retries + 1, sentAt: now },
    { kind: 'send', first: acked + 1, last: sent },
  ]
}

/**
 * The very same request once more from the same port. A copy that the network made comes within milliseconds and must
 * not undo the progress that was made, nor bring a second OACK, which ends atftp. Later it is a client that starts again.
 */
export function repeated(transfer: Transfer, size: number, now: number): Step {
  if (now - transfer.began < DUPLICATE_WITHIN) return [transfer, WAIT]
  return begin(transfer.terms, size, now)
}

/** The name as the allow-list knows it: firmware writes `\` for `/` and some puts a slash in front. */
export function requestedName(file: string): string {
  return file.replaceAll('\\', '/').replace(/^\/+/, '')
}
