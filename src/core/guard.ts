import type { Mac } from '../wire/mac.js'

/**
 * Keeps one machine from keeping us busy: a limit of answers per MAC, silence for an iPXE that goes round in
 * circles, and the next boot program for firmware that never comes back as iPXE. Times are milliseconds since
 * the epoch. Memory is bounded: beyond `maxMacs` the machine that was quiet for longest is forgotten.
 */

export const RATE_WINDOW = 10_000
export const LOOP_WINDOW = 60_000
export const LOOP_ROUNDS = 5 // a healthy machine gets from iPXE to its script in one or two
export const LOOP_SILENCE = 60_000
export const TRIES_PER_PROGRAM = 3
const SETTLED = 600_000 // after so long a further try is a new power-on, no sign of a failed program
const DEFAULT_MACS = 8192

export type Attempt = {
  readonly mac: Mac
  readonly ipxe: boolean
  readonly discover: boolean // a request on 4011 continues a round, it starts none
  readonly xid: number // retransmissions of one attempt keep it, at 67
  readonly offered: string
}

export type Verdict =
  | { readonly kind: 'go'; readonly repeat: boolean } // repeat: the same answer as just before, nothing new to tell
  | {
      readonly kind: 'silence'
      readonly reason: 'rate-limited' | 'boot-loop'
      readonly first: boolean
      readonly why: string
    }

export type Guard = {
  /** To be asked once for each answer that would be sent. */
  admit(attempt: Attempt, now: number): Verdict
  /** True once per machine and window for the same text: so that a log can tell it without being flooded. */
  isNews(mac: Mac, text: string, now: number): boolean
  /** How many boot programs this machine's firmware has been given in vain. */
  failedPrograms(mac: Mac): number
  size(): number
}

type Entry = {
  windowStart: number
  answers: number
  limited: boolean
  offered: string
  xid: number
  lastRound: number
  firmwareTries: number
  ipxeRounds: number
  ipxeSince: number
  silentUntil: number
}

const fresh = (now: number): Entry => ({
  windowStart: now,
  answers: 0,
  limited: false,
  offered: '',
  xid: -1,
  lastRound: now,
  firmwareTries: 0,
  ipxeRounds: 0,
  ipxeSince: now,
  silentUntil: 0,
})

export function createGuard(o: { ratePerMac: number; maxMacs?: number }): Guard {
  const { ratePerMac, maxMacs = DEFAULT_MACS } = o
  const entries = new Map<Mac, Entry>()

  const entryOf = (mac: Mac, now: number): Entry => {
    const known = entries.get(mac)
    if (known && now - known.windowStart < RATE_WINDOW && now >= known.windowStart) return known
    if (!known && entries.size >= maxMacs) entries.delete(entries.keys().next().value as Mac)
    const entry = Object.assign(known ?? fresh(now), {
      windowStart: now,
      answers: 0,
      limited: false,
      offered: '',
    })
    entries.delete(mac) // to the end of the map: its order is who was quiet for longest
    entries.set(mac, entry)
    return entry
  }

  return {
    admit(attempt, now) {
      const entry = entryOf(attempt.mac, now)
      if (now < entry.silentUntil) return silence('boot-loop', false)
      if (entry.answers >= ratePerMac) {
        const first = !entry.limited
        entry.limited = true
        return silence('rate-limited', first)
      }
      if (attempt.discover && attempt.xid !== entry.xid && isLoop(entry, attempt, now)) {
        entry.silentUntil = now + LOOP_SILENCE
        entry.ipxeRounds = 0
        return silence('boot-loop', true)
      }
      const repeat = entry.offered === attempt.offered
      entry.answers += 1
      entry.offered = attempt.offered
      return repeat ? REPEAT : NEW
    },
    isNews(mac, text, now) {
      const entry = entryOf(mac, now)
      const news = entry.offered !== text
      entry.offered = text
      return news
    },
    failedPrograms: mac => Math.floor((entries.get(mac)?.firmwareTries ?? 0) / TRIES_PER_PROGRAM),
    size: () => entries.size,
  }
}

const REPEAT: Verdict = { kind: 'go', repeat: true }
const NEW: Verdict = { kind: 'go', repeat: false }

const WHY = {
  'rate-limited': 'asks more often than the limit allows',
  'boot-loop': `iPXE came back more than ${LOOP_ROUNDS} times in ${LOOP_WINDOW / 1000} s; silent for ${LOOP_SILENCE / 1000} s`,
} as const

const silence = (reason: keyof typeof WHY, first: boolean): Verdict => ({
  kind: 'silence',
  reason,
  first,
  why: WHY[reason],
})

/** Counts a new round of this machine; true when iPXE has come back too often. */
function isLoop(entry: Entry, attempt: Attempt, now: number): boolean {
  entry.xid = attempt.xid
  // What worked, or was not disproved in one go, is kept.
  if (attempt.ipxe || now - entry.lastRound > SETTLED)
    entry.firmwareTries -= entry.firmwareTries % TRIES_PER_PROGRAM
  entry.lastRound = now
  if (!attempt.ipxe) {
    entry.firmwareTries += 1
    return false
  }
  if (now - entry.ipxeSince > LOOP_WINDOW) {
    entry.ipxeSince = now
    entry.ipxeRounds = 0
  }
  entry.ipxeRounds += 1
  return entry.ipxeRounds > LOOP_ROUNDS
}
