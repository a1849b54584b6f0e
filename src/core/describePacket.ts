import { MESSAGE, OPT, type Packet } from '../wire/dhcp.js'
import { macOfBytes } from '../wire/mac.js'
import { isStranger, readClient } from './client.js'
import type { Outcome } from './responder.js'

/** One line for people about a packet and about what it gets. */

const TYPE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(MESSAGE).map(([name, type]) => [type, name.toUpperCase()]),
)

/** `DISCOVER`; `BOOTP` for a packet without a message type. */
export function messageName(packet: Packet): string {
  const type = packet.options.get(OPT.messageType)?.[0]
  return type === undefined ? 'BOOTP' : (TYPE_NAMES.get(type) ?? `message type ${type}`)
}

/** `DISCOVER 52:54:00:12:34:56, UEFI x64`, `OFFER 10.0.0.77 by 10.0.0.1 to 52:54:00:12:34:56`. */
export function describePacket(packet: Packet): string {
  const mac = macOfBytes(packet.chaddr)
  if (packet.op !== 1) return `${messageName(packet)} ${describeOffer(packet)} to ${mac}`
  return `${messageName(packet)} ${mac}, ${describeClient(packet)}`
}

function describeOffer(packet: Packet): string {
  const server = packet.options.get(OPT.serverId)?.join('.') ?? packet.siaddr
  const file = fileOf(packet)
  const what = [packet.yiaddr === '0.0.0.0' ? undefined : packet.yiaddr, file || undefined]
  return `${what.filter(part => part !== undefined).join(' ') || 'of nothing'} by ${server}`
}

function describeClient(packet: Packet): string {
  const client = readClient(packet)
  if (isStranger(client)) return client.why
  const { kind, ipxe, pi } = client
  const firmware = client.class === 'HTTPClient' ? `${kind.name} by HTTP` : kind.name
  if (pi) return 'Raspberry Pi'
  if (!ipxe) return firmware
  const { tries, gotOffer, gotProxy } = ipxe.secs
  const holds = `${gotOffer ? ', has an offer' : ''}${gotProxy ? ', has a proxy offer' : ''}`
  return `iPXE ${ipxe.http ? 'with' : 'without'} HTTP on ${firmware}, try ${tries}${holds}`
}

/** The boot file's name: option 67 without its NUL, else the file field. */
export function fileOf(packet: Packet): string {
  const option = packet.options.get(OPT.bootFile)?.toString('latin1').replace(/\0+$/, '')
  return option || packet.file
}

/** `OFFER snponly.efi to 255.255.255.255:68`, `silence: not-ours, message type 3`. */
export function describeOutcome(outcome: Outcome): string {
  if (outcome.kind === 'ignore') return `silence: ${outcome.reason}, ${outcome.why}`
  const { packet, offered, to } = outcome.answer
  return `${messageName(packet)} ${offered} to ${to.address}:${to.port}`
}
