import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import type { Logger } from 'pino'
import type { RawPacket } from '../control/packets.js'
import type { Endpoint, ListenPort } from '../core/bootAnswer.js'
import { createResponder, type Ignored, type Replied } from '../core/responder.js'
import type { Sighting } from '../core/sighting.js'
import { MESSAGE, OPT, type Packet } from '../wire/dhcp.js'
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

export type DhcpServer = { close(): Promise<void>; counters(): Record<string, number> }

const ANYBODY = '0.0.0.0'
const BROADCAST = '255.255.255.255'

/**
 * The ProxyDHCP listeners. Four sockets, because Linux gives broadcasts to wildcard sockets only and routes a
 * broadcast by the address that its sender is bound to, and Node tells no packet's interface:
 *   wildcard:67     receives broadcasts
 *   address:67      receives unicasts, answers relay agents
 *   address:67 -> 255.255.255.255:68   sends broadcasts; connected, so that it receives nothing and each
 *                   send is one system call without an address look-up
 *   address:4011    receives and answers PXE requests
 * Rejects with the system's error when a port cannot be bound. The answer's path works in memory alone.
 */
export async function startDhcp(o: DhcpOptions): Promise<DhcpServer> {
  const clientPort = o.dhcpPort + 1 // 67 and 68; the same distance on other ports
  const counts = new Map<string, number>()
  const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1)
  const respond = createResponder({ ...o, clientPort, relayPort: o.dhcpPort })
  const routers = watchRouters({ clientPort, serverPort: o.dhcpPort, log: o.log })

  const sockets: Socket[] = []
  const open = async (address: string, port: number) => {
    const socket = await bound(address, port)
    sockets.push(socket)
    socket.on('error', error => o.log.warn({ address, port, error: error.message }, 'socket error'))
    return socket
  }
  const close = async () => {
    routers.close()
    await Promise.all(sockets.map(socket => new Promise<void>(done => socket.close(() => done()))))
  }

  try {
    const wildcard = await open(ANYBODY, o.dhcpPort)
    const unicast = await open(o.address, o.dhcpPort)
    const broadcast = await open(o.address, o.dhcpPort)
    const pxe = await open(o.address, o.pxePort)
    await connectToAll(broadcast, clientPort)

    const listen = (socket: Socket, port: ListenPort, local: Endpoint, answerFrom: Socket) =>
      socket.on('message', (bytes, source) => receive(bytes, source, port, local, answerFrom))
    const send = (bytes: Buffer, to: Endpoint, from: Socket) => {
      const failed = (error: Error | null) => {
        if (!error) return
        count('send-failed')
        o.log.warn({ to: to.address, error: error.message }, 'cannot send an answer')
      }
      if (to.address === BROADCAST) broadcast.send(bytes, failed)
      else from.send(bytes, to.port, to.address, failed)
    }
    const receive = (
      bytes: Buffer,
      source: RemoteInfo,
      port: ListenPort,
      local: Endpoint,
      answerFrom: Socket,
    ) => {
      const at = Date.now()
      const outcome = respond(bytes, port, source, at)
      if (outcome.kind === 'reply') {
        send(outcome.bytes, outcome.to, answerFrom)
        count(port === 'dhcp' ? 'offers' : 'acks')
        o.onPacket({ at, from: source, to: local, payload: bytes })
        o.onPacket({
          at,
          from: { address: o.address, port: local.port },
          to: outcome.to,
          payload: outcome.bytes,
        })
        tellReply(outcome, at)
      } else {
        count(outcome.reason)
        o.onPacket({ at, from: source, to: local, payload: bytes })
        tellIgnored(outcome)
        const router = outcome.asked && chosenRouter(outcome.asked, o.address)
        if (router) routers.meet(router)
      }
    }

    const tellReply = (reply: Replied, at: number) => {
      if (reply.repeat) return
      const { client, offered } = reply
      const { mac, uuid, kind, ipxe } = client
      o.log.info({ mac, firmware: kind.name, ...(ipxe && { ipxe: ipxe.secs }), file: offered }, 'offered')
      o.onSighting({
        mac,
        ...(uuid && { uuid }),
        firmware: kind.firmware,
        ...(kind.arch && { arch: kind.arch }),
        ipxe: ipxe !== undefined,
        why: `offered ${offered}`,
        at: new Date(at),
      })
    }
    const tellIgnored = ({ mac, reason, why, notable }: Ignored) => {
      if (notable) o.log.warn({ mac, reason, why }, 'not answered')
    }

    listen(wildcard, 'dhcp', { address: BROADCAST, port: o.dhcpPort }, unicast)
    listen(unicast, 'dhcp', { address: o.address, port: o.dhcpPort }, unicast)
    listen(pxe, 'pxe', { address: o.address, port: o.pxePort }, pxe)
  } catch (error) {
    await close()
    throw error
  }
  return { close, counters: () => Object.fromEntries(counts) }
}

/** The DHCP server whose offer a client takes, as its REQUEST on 67 tells everybody. */
function chosenRouter(packet: Packet, ours: string): string | undefined {
  if (packet.options.get(OPT.messageType)?.[0] !== MESSAGE.request) return undefined
  const id = packet.options.get(OPT.serverId)
  const address = id?.length === 4 ? id.join('.') : undefined
  return address === ours ? undefined : address
}

function bound(address: string, port: number): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  return new Promise((resolve, reject) => {
    socket.once('error', error => {
      socket.close()
      reject(error)
    })
    socket.bind(port, address, () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
  })
}

function connectToAll(socket: Socket, port: number): Promise<void> {
  socket.setBroadcast(true)
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.connect(port, BROADCAST, () => {
      socket.off('error', reject)
      resolve()
    })
  })
}
