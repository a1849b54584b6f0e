import type { RemoteInfo, Socket } from 'node:dgram'
import type { Logger } from 'pino'
import type { RawPacket } from '../control/packets.js'
import { createAllowance } from '../core/allowance.js'
import type { Endpoint, ListenPort, Reply } from '../core/bootAnswer.js'
import { uuidOf } from '../core/client.js'
import { describeOutcome, describePacket } from '../core/describePacket.js'
import { createResponder, type Ignored, type Outcome } from '../core/responder.js'
import type { Sighting } from '../core/sighting.js'
import { MESSAGE, OPT, type Packet } from '../wire/dhcp.js'
import { BROADCAST_ADDRESS, openDhcpSockets } from './dhcpSockets.js'
import { watchRouters } from './routerWatch.js'

export type DhcpOptions = {
  readonly address: string // the IPv4 address of the LAN's interface
  readonly dhcpPort: number
  readonly pxePort: number
  readonly httpUrl: string // `http://ADDRESS:PORT`
  readonly available: (program: string) => boolean
  readonly ratePerMac: number // answers in 10 s
  readonly log: Logger
  readonly onSighting: (sighting: Sighting) => void // for each new answer, not for its repetitions
  readonly onPacket: (packet: RawPacket) => void // each packet received and sent
}

export type DhcpServer = {
  close(): Promise<void>
  /** How many packets were answered (`offers`, `acks`), or ignored, by reason. */
  counters(): Record<string, number>
}

/**
 * The ProxyDHCP listeners. Rejects with the system's error when a port cannot be bound. The answer's path works
 * in memory alone: whoever listens to sightings and packets must not block.
 */
export async function startDhcp(o: DhcpOptions): Promise<DhcpServer> {
  const { address, dhcpPort, pxePort, log } = o
  const clientPort = dhcpPort + 1 // 67 and 68; the same distance on other ports
  const sockets = await openDhcpSockets({ address, dhcpPort, pxePort, clientPort })
  const { wildcard, unicast, broadcast, pxe } = sockets
  const routers = watchRouters({ clientPort, serverPort: dhcpPort, log })
  const respond = createResponder({ ...o, available: sparing(o.available), clientPort, relayPort: dhcpPort })
  const counts = new Map<string, number>()
  const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1)

  const mayTell = createAllowance(FAILURES_TOLD)
  const sent = (error: Error | null) => {
    if (!error) return
    count('send-failed')
    if (mayTell(Date.now())) log.warn({ error: error.message }, 'cannot send an answer')
  }
  const send = (bytes: Buffer, to: Endpoint, from: Socket) => {
    if (to.address === BROADCAST_ADDRESS) broadcast.send(bytes, sent)
    else from.send(bytes, to.port, to.address, sent)
  }
  const listen = (socket: Socket, port: ListenPort, local: Endpoint, answerFrom: Socket) =>
    socket.on('message', (bytes, source) => {
      const at = Date.now()
      const outcome = respond(bytes, port, source, at)
      if (outcome.kind === 'reply') send(outcome.bytes, outcome.answer.to, answerFrom)
      count(outcome.kind === 'reply' ? ANSWERED_WITH[port] : outcome.reason)
      o.onPacket({ at, from: source, to: local, payload: bytes })
      if (outcome.kind === 'reply') {
        const from = { address, port: local.port }
        o.onPacket({ at, from, to: outcome.answer.to, payload: outcome.bytes })
        if (!outcome.repeat) tellReply(outcome.answer, at, o)
      } else {
        if (outcome.notable) tellIgnored(outcome, o)
        const router = outcome.asked && chosenRouter(outcome.asked, address)
        if (router) routers.meet(router)
      }
      if (log.isLevelEnabled('debug')) tellPacket(outcome, source, o)
    })

  for (const socket of [wildcard, unicast, broadcast, pxe])
    socket.on('error', error => log.warn({ error: error.message }, 'socket error'))
  listen(wildcard, 'dhcp', { address: BROADCAST_ADDRESS, port: dhcpPort }, unicast)
  listen(unicast, 'dhcp', { address, port: dhcpPort }, unicast)
  listen(pxe, 'pxe', { address, port: pxePort }, pxe)
  const close = async () => {
    routers.close()
    await sockets.close()
  }
  return { close, counters: () => Object.fromEntries(counts) }
}

const FAILURES_TOLD = 5 // log lines a second; the counter has them all
const FRESH_MS = 1000

/** Whether a program is there takes a look at the file system: once a second is enough, each packet is not. */
function sparing(available: (program: string) => boolean): (program: string) => boolean {
  const known = new Map<string, { there: boolean; until: number }>()
  return program => {
    const now = Date.now()
    const before = known.get(program)
    if (before && now < before.until) return before.there
    const there = available(program)
    known.set(program, { there, until: now + FRESH_MS })
    return there
  }
}

const ANSWERED_WITH: Record<ListenPort, string> = { dhcp: 'offers', pxe: 'acks' }

/** The DHCP server whose offer a client takes, as its REQUEST on 67 tells everybody. */
function chosenRouter(packet: Packet, ours: string): string | undefined {
  if (packet.options.get(OPT.messageType)?.[0] !== MESSAGE.request) return undefined
  const id = packet.options.get(OPT.serverId)
  const router = id?.length === 4 ? id.join('.') : undefined
  return router === ours ? undefined : router
}

function tellReply({ client, offered }: Reply, at: number, { log, onSighting }: DhcpOptions): void {
  const { mac, kind, ipxe } = client
  const uuid = uuidOf(client)
  log.info({ mac, firmware: kind.name, ...(ipxe && { ipxe: ipxe.secs }), file: offered }, 'offered')
  onSighting({
    mac,
    ...(uuid && { uuid }),
    firmware: kind.firmware,
    ...(kind.arch && { arch: kind.arch }),
    ipxe: ipxe !== undefined,
    why: `offered ${offered}`,
    at: new Date(at),
  })
}

const tellIgnored = ({ mac, reason, why }: Ignored, { log }: DhcpOptions) =>
  log.warn({ mac, reason, why }, 'not answered')

const tellPacket = (outcome: Outcome, { address, port }: RemoteInfo, { log }: DhcpOptions) =>
  log.debug(
    {
      from: `${address}:${port}`,
      packet: outcome.asked && describePacket(outcome.asked),
      answer: describeOutcome(outcome),
    },
    'packet',
  )
