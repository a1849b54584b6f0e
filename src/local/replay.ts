import { readFile } from 'node:fs/promises'
import { describeOutcome, describePacket, fileOf, messageName } from '../core/describePacket.js'
import { createResponder, type Outcome, type Responder } from '../core/responder.js'
import { routerWarning } from '../core/routerOffer.js'
import { decode, isMalformed, OPT, type Packet } from '../wire/dhcp.js'
import { type Datagram, parseFrame } from '../wire/frame.js'
import { macOfBytes } from '../wire/mac.js'
import { type Capture, readPcap } from '../wire/pcap.js'

/** Shown as the daemon's address in answers; RFC 5737 keeps it for documentation. */
const EXAMPLE_ADDRESS = '192.0.2.1'
const EXAMPLE_RATE = 20

export type ReplayOptions = { readonly json: boolean }

/** One packet of the capture, and what the daemon would do about it. */
type Line = {
  readonly number: number // of the frame in the capture, from 1, as other tools count
  readonly at: number // ms since the capture's first frame
  readonly datagram: Datagram
  readonly packet?: Packet
  readonly what: string
  readonly outcome?: Outcome // absent for packets that are not sent to a port of ours
  readonly warning?: string
}

/**
 * `muster replay FILE.pcap`: tells for each DHCP packet of a capture what it is and what the daemon would answer,
 * with the capture's own times, or why it would keep silent. Every boot program is taken to be at hand.
 * Returns what is wrong with the file, or nothing.
 */
export async function run(
  file: string,
  { json }: ReplayOptions,
  out: (line: string) => void,
): Promise<string | undefined> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => error)
  if (bytes instanceof Error) return `cannot read ${file}: ${bytes.message}`
  const pcap = readPcap(bytes)
  if ('wrong' in pcap) return `${file}: ${pcap.wrong}`
  let told = 0
  for (const line of replay(pcap.captures, pcap.linkType)) {
    out(json ? jsonOf(line) : textOf(line))
    told++
  }
  return told === 0 ? `${file}: ${pcap.captures.length} packets, and none of them is DHCP` : undefined
}

function* replay(captures: readonly Capture[], linkType: number): Generator<Line> {
  const respond = createResponder({
    address: EXAMPLE_ADDRESS,
    httpUrl: `http://${EXAMPLE_ADDRESS}:8067`,
    clientPort: 68,
    relayPort: 67,
    available: () => true,
    ratePerMac: EXAMPLE_RATE,
  })
  const start = captures[0]?.at ?? 0
  for (const [index, { at, bytes }] of captures.entries()) {
    const datagram = parseFrame(bytes, linkType)
    if (!datagram || !isDhcp(datagram)) continue
    yield { number: index + 1, at: at - start, datagram, ...judge(respond, datagram, at) }
  }
}

const PORTS: Readonly<Record<number, 'dhcp' | 'pxe' | 'client'>> = { 67: 'dhcp', 4011: 'pxe', 68: 'client' }
const isDhcp = ({ to, from }: Datagram) =>
  PORTS[to.port] !== undefined || PORTS[from.port] === 'dhcp' || PORTS[from.port] === 'pxe'

function judge(respond: Responder, { from, to, payload }: Datagram, at: number) {
  const decoded = decode(payload)
  if (isMalformed(decoded)) return { what: `malformed: ${decoded.malformed}` }
  const what = describePacket(decoded)
  const port = PORTS[to.port]
  const isAnswer = decoded.op !== 1 || port === undefined || port === 'client'
  if (!isAnswer) return { what, packet: decoded, outcome: respond(payload, port, from, at) }
  const warning = routerWarning(decoded)
  return { what, packet: decoded, ...(warning && { warning }) }
}

function textOf({ number, at, what, outcome, warning }: Line): string {
  const told = [outcome && `-> ${describeOutcome(outcome)}`, warning && `-> warning: ${warning}`]
  return [`${number}`.padStart(4), `${(at / 1000).toFixed(3)}s`.padStart(9), what, ...told]
    .filter(part => part !== undefined)
    .join('  ')
}

function jsonOf({ number, at, datagram, packet, what, outcome, warning }: Line): string {
  return JSON.stringify({
    number,
    seconds: at / 1000,
    from: datagram.from,
    to: datagram.to,
    what,
    ...(packet && { packet: fieldsOf(packet) }),
    ...(outcome?.kind === 'reply' && {
      answer: { to: outcome.answer.to, ...fieldsOf(outcome.answer.packet) },
    }),
    ...(outcome?.kind === 'ignore' && { ignored: { reason: outcome.reason, why: outcome.why } }),
    ...(warning && { warning }),
  })
}

const fieldsOf = (packet: Packet) => ({
  type: messageName(packet),
  mac: macOfBytes(packet.chaddr),
  xid: packet.xid,
  secs: packet.secs,
  flags: packet.flags,
  ciaddr: packet.ciaddr,
  yiaddr: packet.yiaddr,
  siaddr: packet.siaddr,
  giaddr: packet.giaddr,
  file: fileOf(packet),
  options: Object.fromEntries(
    [...packet.options]
      .filter(([code]) => code !== OPT.messageType)
      .map(([code, v]) => [code, v.toString('hex')]),
  ),
})
