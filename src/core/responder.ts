import { decode, encode, isMalformed, MESSAGE, OPT, type Packet } from '../wire/dhcp.js'
import type { Mac } from '../wire/mac.js'
import {
  type BootContext,
  bootAnswer,
  type Endpoint,
  type IgnoreReason,
  type ListenPort,
  type Reply,
} from './bootAnswer.js'
import { createGuard } from './guard.js'

export type Replied = {
  readonly kind: 'reply'
  readonly answer: Reply
  readonly bytes: Buffer
  readonly asked: Packet
  readonly repeat: boolean // the machine got just this answer a moment ago
}
export type Ignored = {
  readonly kind: 'ignore'
  readonly reason: IgnoreReason | 'malformed' | 'rate-limited' | 'boot-loop'
  readonly why: string
  readonly notable: boolean // worth a line in the log
  readonly mac?: Mac
  readonly asked?: Packet
}
export type Outcome = Replied | Ignored

export type Responder = (bytes: Buffer, port: ListenPort, source: Endpoint, now: number) => Outcome

/**
 * From bytes to bytes, for the listeners and for replay alike: decode, decide, ask the guard, encode.
 * `now` is milliseconds since the epoch.
 */
export function createResponder(
  o: Omit<BootContext, 'failedPrograms'> & { readonly ratePerMac: number },
): Responder {
  const guard = createGuard({ ratePerMac: o.ratePerMac })
  const context: BootContext = { ...o, failedPrograms: guard.failedPrograms }

  return (bytes, port, source, now) => {
    const asked = decode(bytes)
    if (isMalformed(asked))
      return { kind: 'ignore', reason: 'malformed', why: asked.malformed, notable: false }
    const answer = bootAnswer(asked, port, source, context)
    if (answer.kind === 'ignore') {
      const { mac, reason, why } = answer
      const notable = mac !== undefined && NOTABLE.has(reason) && guard.isNews(mac, why, now)
      return { ...answer, asked, notable }
    }
    const { client, offered } = answer
    const verdict = guard.admit(
      {
        mac: client.mac,
        ipxe: client.ipxe !== undefined,
        discover: asked.options.get(OPT.messageType)?.[0] === MESSAGE.discover,
        xid: asked.xid,
        offered,
      },
      now,
    )
    if (verdict.kind === 'go')
      return { kind: 'reply', answer, asked, bytes: encode(answer.packet), repeat: verdict.repeat }
    const { reason, why, first } = verdict
    return { kind: 'ignore', reason, why, notable: first, mac: client.mac, asked }
  }
}

/** What the owner can do something about. */
const NOTABLE: ReadonlySet<IgnoreReason> = new Set(['unknown-architecture', 'no-program', 'bad-uuid'])
