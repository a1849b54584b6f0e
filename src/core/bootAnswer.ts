import { BOOTREPLY, BOOTREQUEST, BROADCAST_FLAG, MESSAGE, OPT, type Packet } from '../wire/dhcp.js'
import type { Mac } from '../wire/mac.js'
import {
  type Client,
  isStranger,
  type RaspberryPi,
  readClient,
  type StrangerReason,
  subOption,
} from './client.js'

/** Where a packet came in: port 67, beside the LAN's DHCP server, or 4011, where PXE boot servers listen. */
export type ListenPort = 'dhcp' | 'pxe'
export type Endpoint = { readonly address: string; readonly port: number }

export type BootContext = {
  readonly address: string // the IPv4 address that answers are really sent from
  readonly httpUrl: string // `http://10.0.0.2:8067`, an IP literal: UEFI resolves no names
  readonly clientPort: number // 68
  readonly relayPort: number // 67
  readonly available: (program: string) => boolean
  /** How many of its boot programs a machine has tried in vain. */
  readonly failedPrograms: (mac: Mac) => number
}

export type IgnoreReason = StrangerReason | 'not-a-request' | 'not-ours' | 'no-way-back' | 'no-program'

export type Reply = {
  readonly kind: 'reply'
  readonly packet: Packet
  readonly to: Endpoint
  readonly client: Client
  readonly offered: string // the file, URL or menu, for people
}
export type Ignore = {
  readonly kind: 'ignore'
  readonly reason: IgnoreReason
  readonly why: string
  readonly mac?: Mac
}
export type Answer = Reply | Ignore

/** What each port answers with what; everything else belongs to the LAN's own DHCP server. */
const ANSWERED: Record<ListenPort, Readonly<Record<number, number>>> = {
  dhcp: { [MESSAGE.discover]: MESSAGE.offer },
  pxe: { [MESSAGE.request]: MESSAGE.ack, [MESSAGE.inform]: MESSAGE.ack },
}

const BROADCAST = '255.255.255.255'
const FILE_FIELD = 127 // 128 bytes with the NUL
const NOTHING = '0.0.0.0'

/** Decides what one packet gets. It hands out boot programs, never addresses: `yiaddr` stays 0.0.0.0. */
export function bootAnswer(packet: Packet, port: ListenPort, source: Endpoint, context: BootContext): Answer {
  if (packet.op !== BOOTREQUEST) return ignore('not-a-request', `op ${packet.op}`)
  const asked = packet.options.get(OPT.messageType)?.[0]
  const type = asked === undefined ? undefined : ANSWERED[port][asked]
  if (type === undefined) return ignore('not-ours', `message type ${asked ?? 'absent'}`)
  const client = readClient(packet)
  if (isStranger(client)) return ignore(client.stranger, client.why, client.mac)
  const to = destination(packet, port, source, context)
  if (!to) return ignore('no-way-back', `cannot answer to ${source.address}`, client.mac)
  const given = bootFile(client, context)
  if (!given) return ignore('no-program', `no boot program for ${client.kind.name}`, client.mac)
  return {
    kind: 'reply',
    packet: replyTo(packet, type, client, given.file, context.address, to),
    to,
    client,
    offered: given.offered,
  }
}

const ignore = (reason: IgnoreReason, why: string, mac?: Mac): Ignore => ({
  kind: 'ignore',
  reason,
  why,
  ...(mac && { mac }),
})

/**
 * On 4011 back to the sender (EDK2 asks from 4011, older ROMs from 68); on 67 to the relay agent that brought
 * the packet (RFC 2131 section 4.1), or to everybody, as the client has no address yet.
 */
function destination(
  packet: Packet,
  port: ListenPort,
  source: Endpoint,
  context: BootContext,
): Endpoint | undefined {
  if (port === 'pxe') return isUnicast(source.address) && source.port > 0 ? source : undefined
  if (packet.giaddr === NOTHING) return { address: BROADCAST, port: context.clientPort }
  return isUnicast(packet.giaddr) ? { address: packet.giaddr, port: context.relayPort } : undefined
}

/** Not 0/8, not multicast or broadcast: a forged relay address must not turn one packet into many. */
function isUnicast(address: string): boolean {
  const first = Number.parseInt(address, 10)
  return first > 0 && first < 224
}

type Given = { readonly file: string; readonly offered: string }

function bootFile(client: Client, context: BootContext): Given | undefined {
  if (client.pi) return { file: '', offered: 'Raspberry Pi menu' } // asks for its files by names of its own
  if (client.ipxe?.http) {
    const url = `${context.httpUrl}/boot/ipxe`
    return { file: url, offered: url }
  }
  const program = bootProgram(client, context)
  if (!program) return undefined
  const file = client.class === 'HTTPClient' ? `${context.httpUrl}/boot/files/${program}` : program
  return { file, offered: file }
}

/** The best program that is there, or the next one after those that this machine has tried in vain. */
function bootProgram(client: Client, context: BootContext): string | undefined {
  const { programs, programsForIpxe = programs } = client.kind
  const there = (client.ipxe ? programsForIpxe : programs).filter(context.available)
  return there[context.failedPrograms(client.mac) % there.length]
}

function replyTo(
  asked: Packet,
  type: number,
  client: Client,
  file: string,
  address: string,
  to: Endpoint,
): Packet {
  return {
    op: BOOTREPLY,
    htype: asked.htype,
    hlen: asked.hlen,
    hops: 0,
    xid: asked.xid,
    secs: 0,
    flags: to.address === BROADCAST ? asked.flags | BROADCAST_FLAG : asked.flags,
    ciaddr: asked.ciaddr,
    yiaddr: NOTHING,
    siaddr: address, // iPXE asks no 4011 when both this and a file are there; EDK2 sends its 4011 request here
    giaddr: asked.giaddr,
    chaddr: asked.chaddr,
    sname: address,
    file: file.length <= FILE_FIELD ? file : '',
    options: replyOptions(asked, type, client, file, address),
  }
}

function replyOptions(asked: Packet, type: number, client: Client, file: string, address: string) {
  const options = new Map<number, Buffer>()
  options.set(OPT.messageType, Buffer.of(type))
  options.set(OPT.serverId, addressBytes(address))
  options.set(OPT.vendorClass, latin1(client.class))
  options.set(OPT.serverName, latin1(address)) // no NUL: Raspberry Pis take it for part of the name
  // Old EDK2 writes a NUL behind the name by itself, into the next option's code, unless one is there.
  if (file) options.set(OPT.bootFile, latin1(`${file}\0`))
  const guid = asked.options.get(OPT.clientUuid)
  if (guid) options.set(OPT.clientUuid, guid)
  const vendor = vendorOptions(asked, client)
  if (vendor) options.set(OPT.vendorOptions, vendor)
  return options
}

/** Remembers bytes that every answer is made of: our address, the names of programs, the classes. They are few. */
function remembered(toBytes: (text: string) => Buffer): (text: string) => Buffer {
  const known = new Map<string, Buffer>()
  return text => {
    const bytes = known.get(text) ?? toBytes(text)
    known.set(text, bytes)
    return bytes
  }
}
const addressBytes = remembered(address => Buffer.from(address.split('.').map(Number)))
const latin1 = remembered(text => Buffer.from(text, 'latin1'))

const PXE_BOOT_ITEM = 71 // PXE 2.1 table 2-1: the menu item and layer that the client chose
const USE_OFFERED_FILE = [6, 1, 8] // discovery control (sub-option 6): bit 3, take the file of this offer
const END = 255

/**
 * Option 43. UEFI gets none: EDK2 before 8cdd559be6 (April 2017) throws away every proxy offer whose option 43
 * holds one of the discovery sub-options 6 to 10, and most firmware in use is older than its board looks.
 */
function vendorOptions(asked: Packet, client: Client): Buffer | undefined {
  if (client.pi) return PI_MENU[client.pi]
  const item = subOption(asked.options.get(OPT.vendorOptions), PXE_BOOT_ITEM)
  const parts = [
    ...(client.kind.firmware === 'bios' && client.class === 'PXEClient' ? USE_OFFERED_FILE : []),
    ...(item ? [PXE_BOOT_ITEM, item.length, ...item] : []),
  ]
  return parts.length > 0 ? Buffer.from([...parts, END]) : undefined
}

/** Raspberry Pis boot from nobody who does not send this text; others would show it as a menu. */
const piMenu = (text: string) =>
  Buffer.concat([
    Buffer.of(6, 1, 3), // no broadcast, no multicast discovery
    Buffer.of(10, 4, 0),
    Buffer.from('PXE'), // the prompt, after its time-out of 0 s
    Buffer.of(9, text.length + 3, 0, 0, text.length),
    Buffer.from(text), // the menu: type 0, one item
    Buffer.of(END),
  ])

const PI_MENU: Record<RaspberryPi, Buffer> = {
  'before 4': piMenu('Raspberry Pi Boot   '), // the Pi 3B's ROM compares with the spaces
  '4 or later': piMenu('Raspberry Pi Boot'),
}
