import { ETHERNET, OPT, type Packet } from '../wire/dhcp.js'
import { type Mac, macOfBytes } from '../wire/mac.js'
import { type FirmwareKind, firmwareKind } from './firmware.js'

/** Who asks for a network boot, read out of a DHCP packet's options. */
export type Client = {
  readonly mac: Mac
  readonly guid?: Buffer // option 97 as sent; see uuidOf
  readonly kind: FirmwareKind
  readonly class: 'PXEClient' | 'HTTPClient'
  readonly ipxe?: { readonly http: boolean; readonly secs: IpxeSecs }
  readonly pi?: RaspberryPi
}

/** Raspberry Pis before the 4 have a boot ROM that compares the menu's text with trailing spaces. */
export type RaspberryPi = 'before 4' | '4 or later'

/** iPXE packs its progress into `secs`: how many tries, and whose offers it holds by then. */
export type IpxeSecs = { readonly tries: number; readonly gotOffer: boolean; readonly gotProxy: boolean }

export type Stranger = { readonly stranger: StrangerReason; readonly why: string; readonly mac?: Mac }
export type StrangerReason = 'not-ethernet' | 'not-netboot' | 'bad-uuid' | 'unknown-architecture'

const IPXE_HTTP = 0x13 // feature tag inside option 175 (iPXE's dhcp.h, DHCP_EB_FEATURE_HTTP)

export const isStranger = (who: Client | Stranger): who is Stranger => 'stranger' in who

/** Reads the client, or says why this is nobody whom we boot. */
export function readClient(packet: Packet): Client | Stranger {
  if (packet.htype !== ETHERNET || packet.hlen !== 6)
    return { stranger: 'not-ethernet', why: `hardware type ${packet.htype}, ${packet.hlen} bytes` }
  const mac = macOfBytes(packet.chaddr)
  const bootClass = bootClassOf(packet.options.get(OPT.vendorClass))
  if (!bootClass) return { stranger: 'not-netboot', why: 'option 60 names no netboot client', mac }
  const architectures = packet.options.get(OPT.clientArch)
  if (!architectures) return { stranger: 'not-netboot', why: 'no client architecture (option 93)', mac }
  const guid = packet.options.get(OPT.clientUuid)
  if (guid && !isGuid(guid)) return { stranger: 'bad-uuid', why: 'option 97 holds no GUID', mac }
  const numbers = architectureNumbers(architectures)
  const kind = firmwareKind(numbers)
  if (!kind) return { stranger: 'unknown-architecture', why: `architecture ${numbers.join(', ')}`, mac }

  const ipxe = readIpxe(packet)
  const pi = ipxe || !numbers.includes(0) ? undefined : raspberryPi(mac, guid)
  return { mac, kind, class: bootClass, ...(guid && { guid }), ...(ipxe && { ipxe }), ...(pi && { pi }) }
}

function bootClassOf(value: Buffer | undefined): Client['class'] | undefined {
  const text = value?.toString('latin1', 0, 10) ?? ''
  if (text.startsWith('PXEClient')) return 'PXEClient'
  return text === 'HTTPClient' ? text : undefined
}

function architectureNumbers(value: Buffer): number[] {
  const numbers: number[] = []
  for (let at = 0; at + 2 <= value.length; at += 2) numbers.push(value.readUInt16BE(at))
  return numbers
}

/** Type 0 and 16 bytes (RFC 4578 section 2.3); some ROMs send nothing but zeros, of any length. */
const isGuid = (value: Buffer) => (value.length === 17 && value[0] === 0) || value.every(byte => byte === 0)

/**
 * The machine's UUID as SMBIOS prints it: the first three fields are little-endian on the wire. All zero means
 * that the firmware knows none.
 */
export function uuidOf({ guid }: Client): string | undefined {
  if (!guid || guid.every(byte => byte === 0)) return undefined
  const hex = guid.toString('hex', 1)
  const swapped = [3, 2, 1, 0, 5, 4, 7, 6].map(byte => hex.slice(byte * 2, byte * 2 + 2)).join('')
  const all = swapped + hex.slice(16)
  return `${all.slice(0, 8)}-${all.slice(8, 12)}-${all.slice(12, 16)}-${all.slice(16, 20)}-${all.slice(20)}`
}

function readIpxe(packet: Packet): Client['ipxe'] {
  if (!userClassIs(packet.options.get(OPT.userClass), 'iPXE')) return undefined
  const { secs } = packet
  return {
    http: hasSubOption(packet.options.get(OPT.ipxe), IPXE_HTTP),
    secs: { tries: secs >> 2, gotOffer: (secs & 2) !== 0, gotProxy: (secs & 1) !== 0 },
  }
}

/** iPXE sends its name bare; RFC 3004 wants a list of length-prefixed names. Both are around. */
function userClassIs(value: Buffer | undefined, name: string): boolean {
  if (!value) return false
  if (value.toString('latin1') === name) return true
  for (let at = 0; at < value.length; ) {
    const length = value[at] ?? 0
    if (value.toString('latin1', at + 1, at + 1 + length) === name) return true
    at += 1 + length
  }
  return false
}

/** The value of a sub-option in an encapsulated option (43 or 175), where it is whole. */
export function subOption(value: Buffer | undefined, wanted: number): Buffer | undefined {
  if (!value) return undefined
  for (let at = 0; at < value.length; ) {
    const code = value[at]
    if (code === OPT.end) return undefined
    if (code === OPT.pad) {
      at += 1
      continue
    }
    const length = value[at + 1]
    if (length === undefined || at + 2 + length > value.length) return undefined
    if (code === wanted) return value.subarray(at + 2, at + 2 + length)
    at += 2 + length
  }
  return undefined
}

const hasSubOption = (value: Buffer | undefined, wanted: number) => subOption(value, wanted) !== undefined

const PI_OUIS: Readonly<Record<string, RaspberryPi>> = {
  'b8:27:eb': 'before 4',
  'dc:a6:32': '4 or later',
  'e4:5f:01': '4 or later',
  '28:cd:c1': '4 or later',
  'd8:3a:dd': '4 or later',
  '2c:cf:67': '4 or later',
}

/** A Raspberry Pi claims to be a BIOS PC; its OUI or the model code in its GUID gives it away. */
function raspberryPi(mac: Mac, guid: Buffer | undefined): RaspberryPi | undefined {
  if (guid && /^RPi[4-9]$/.test(guid.toString('latin1', 1, 5))) return '4 or later'
  return PI_OUIS[mac.slice(0, 8)]
}
