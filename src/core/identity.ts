import type { Mac } from '../wire/mac.js'
import { BAD_UUIDS, isFiller, isOwnMac, SHARED_MACS, tidy } from './badValues.js'
import type { Facts } from './facts.js'

/** What a machine is recognised by. A {@link Machine} is one; so is what iPXE or the scout reports. */
export type Identity = {
  readonly macs: readonly Mac[]
  readonly uuid?: string
  readonly serial?: string // of the system
  readonly boardSerial?: string
  readonly chassisSerial?: string
}

/** From this score on, two identities are one machine. */
export const SAME = 100

/**
 * How much each value says when it agrees and when it differs; a value that either side lacks says nothing.
 *
 * The rule behind the numbers, from which they follow:
 * - A MAC alone is enough (DHCP and plain firmware tell nothing else), but not against another UUID or serial: then
 *   it is a card that was moved.
 * - No UUID and no serial is enough alone, because vendors repeat them. UUID with system serial, UUID with board
 *   serial, or both serials: enough. So a machine whose only NIC was replaced stays itself.
 * - UUID and system serial are not enough against another board serial: four boards in one chassis share both
 *   (Dell C6100).
 * - A MAC with the system serial outweighs another UUID and another board: the main board was swapped.
 * - A MAC with either serial outweighs another UUID: Supermicro's changes when a NIC is disabled.
 * - A second MAC that agrees outweighs another UUID too: cards are moved one at a time.
 */
const WEIGHTS = {
  mac: { agree: 100, differ: 0 },
  moreMacs: { agree: 30, differ: 0 },
  sharedMac: { agree: 40, differ: 0 }, // enough with a UUID or a serial
  uuid: { agree: 60, differ: -30 },
  system: { agree: 60, differ: -60 },
  board: { agree: 60, differ: -30 },
  chassis: { agree: 5, differ: 0 }, // blades share one: it only breaks ties
} as const

type Evidence = keyof typeof WEIGHTS
export type Score = { readonly score: number; readonly agree: Evidence[]; readonly differ: Evidence[] }

/** Compares what is known of a machine with a claim. Symmetric and total; bad values count as absent. */
export function score(known: Identity, claim: Identity): Score {
  const agree: Evidence[] = []
  const differ: Evidence[] = []
  const a = significant(known)
  const b = significant(claim)
  const shared = a.macs.filter(mac => b.macs.includes(mac))
  const own = shared.filter(mac => !SHARED_MACS.has(mac))
  if (own.length > 0) agree.push('mac')
  if (own.length > 1) agree.push('moreMacs')
  if (own.length === 0 && shared.length > 0) agree.push('sharedMac')
  for (const kind of ['uuid', 'system', 'board', 'chassis'] as const) {
    if (a[kind] === undefined || b[kind] === undefined) continue
    if (a[kind] === b[kind]) agree.push(kind)
    else differ.push(kind)
  }
  const sum =
    agree.reduce((total, kind) => total + WEIGHTS[kind].agree, 0) +
    differ.reduce((total, kind) => total + WEIGHTS[kind].differ, 0)
  // A shared MAC is all there is on both sides: nothing better will ever come.
  const nothingElse = agree.includes('sharedMac') && !hasMore(a) && !hasMore(b)
  return { score: nothingElse ? SAME : sum, agree, differ }
}

export const isSame = (known: Identity, claim: Identity): boolean => score(known, claim).score >= SAME

type Significant = { macs: Mac[]; uuid?: string; system?: string; board?: string; chassis?: string }

/** The values that may be compared, each in its one comparable form. */
function significant(identity: Identity): Significant {
  const found: Significant = { macs: [...new Set(identity.macs)].filter(isOwnMac) }
  const uuid = identity.uuid === undefined ? undefined : uuidKey(identity.uuid)
  const system = serialKey(identity.serial)
  const board = serialKey(identity.boardSerial)
  const chassis = serialKey(identity.chassisSerial)
  if (uuid !== undefined) found.uuid = uuid
  if (system !== undefined) found.system = system
  if (board !== undefined) found.board = board
  if (chassis !== undefined) found.chassis = chassis
  return found
}

const hasMore = (s: Significant) =>
  s.uuid !== undefined ||
  s.system !== undefined ||
  s.board !== undefined ||
  s.macs.some(mac => !SHARED_MACS.has(mac))

/**
 * One form for both byte orders of a UUID: the smaller of the two. DHCP's option 97 has the first three fields in
 * little-endian order, SMBIOS 2.6 and later too, but firmware before 2.6 and iPXE on it write them as they read.
 * Undefined for what is no UUID and for the known bad ones.
 */
export function uuidKey(uuid: string): string | undefined {
  const hex = uuid.toLowerCase().replace(/[^0-9a-f]/g, '')
  if (hex.length !== 32 || /^(..)\1*$/.test(hex)) return undefined
  const key = smallerOrder(hex)
  return BAD_UUID_KEYS.has(key) ? undefined : key
}

const smallerOrder = (hex: string): string => {
  const bytes = hex.match(/../g) ?? []
  const swapped = [3, 2, 1, 0, 5, 4, 7, 6].map(i => bytes[i]).join('') + hex.slice(16)
  return swapped < hex ? swapped : hex
}

const BAD_UUID_KEYS = new Set(BAD_UUIDS.map(uuid => smallerOrder(uuid.replaceAll('-', ''))))

/** Shorter serials are counters or flags, not numbers that a factory gives once. */
const SHORTEST_SERIAL = 4

export function serialKey(serial: string | undefined): string | undefined {
  if (serial === undefined || isFiller(serial)) return undefined
  const key = tidy(serial).toUpperCase()
  return key.length < SHORTEST_SERIAL ? undefined : key
}

/** The keys under which a machine is looked up: `mac:52:54:…`, `uuid:…`, `system:…`, `board:…`. MACs first, in order. */
export function keysOf(identity: Identity): string[] {
  const { macs, uuid, system, board } = significant(identity)
  const keys = macs.map(mac => `mac:${mac}`)
  if (uuid !== undefined) keys.push(`uuid:${uuid}`)
  if (system !== undefined) keys.push(`system:${system}`)
  if (board !== undefined) keys.push(`board:${board}`)
  return keys
}

/** The identity that a scout's facts tell: all NICs, boot MAC first, and the DMI values. */
export function identityOf(facts: Facts): Identity {
  const { system, board, chassis } = facts.dmi
  const macs = [facts.bootMac, ...facts.nics.map(nic => nic.mac)]
  return {
    macs: [...new Set(macs)].filter(isOwnMac),
    ...(system.uuid === undefined ? {} : { uuid: system.uuid }),
    ...(system.serial === undefined ? {} : { serial: system.serial }),
    ...(board.serial === undefined ? {} : { boardSerial: board.serial }),
    ...(chassis.serial === undefined ? {} : { chassisSerial: chassis.serial }),
  }
}
