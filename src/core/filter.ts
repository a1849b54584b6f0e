import type { Instance, InstanceState, Tags } from './instance.js'
import { STATE_OF } from './instance.js'
import type { Machine } from './machine.js'
import { parseSize } from './quantity.js'
import { type Refusal, refuse } from './refusal.js'
import { didYouMean } from './suggest.js'

/**
 * The filters of describe-systems, describe-instances and run-instances: FIELD OPERATOR VALUE, all must hold.
 * `cores>=4`, `memory>=8G`, `disk>=200G`, `vendor=Dell Inc.`, `product~thinkpad`, `tag:rack=2`.
 * Text is compared without regard to case. A field that a thing lacks is equal to nothing and contains nothing.
 */
export type Filter = {
  readonly field: string // `tag:KEY` for tags
  readonly operator: Operator
  readonly value: string | number
}

/** What filters look at. Of several values of one field, one must be equal. */
export type Fields = Readonly<Record<string, string | number | readonly string[] | undefined>>

export const OPERATORS = ['!=', '>=', '<=', '=', '>', '<', '~'] as const // the longer ones are tried first
export type Operator = (typeof OPERATORS)[number]

type Kind = 'text' | 'number' | 'memory' | 'disk'
type FieldKinds = Readonly<Record<string, Kind>>

const OPERATORS_OF: Record<Kind, readonly Operator[]> = {
  text: ['=', '!=', '~'],
  number: ['=', '!=', '>=', '<=', '>', '<'],
  memory: ['=', '!=', '>=', '<=', '>', '<'],
  disk: ['=', '!=', '>=', '<=', '>', '<'],
}

const TAKES: Record<Exclude<Kind, 'text'>, string> = {
  number: 'a whole number such as 4',
  memory: 'a size such as 8G or 512M (powers of two)',
  disk: 'a size such as 200G or 1T (powers of ten; GiB and TiB are powers of two)',
}

/** `user` holds the system by a reservation or an instance; `disk` is the largest one. */
export const SYSTEM_FIELDS: FieldKinds = {
  name: 'text',
  id: 'text',
  group: 'text',
  state: 'text',
  user: 'text',
  instance: 'text',
  profile: 'text',
  cores: 'number',
  memory: 'memory',
  disk: 'disk',
  firmware: 'text',
  arch: 'text',
  vendor: 'text',
  product: 'text',
  serial: 'text',
  mac: 'text',
  address: 'text',
}

export const INSTANCE_FIELDS: FieldKinds = {
  name: 'text',
  id: 'text',
  reservation: 'text',
  state: 'text',
  stage: 'text',
  user: 'text',
  profile: 'text',
  system: 'text',
  group: 'text',
  address: 'text',
  hostname: 'text',
}

/** Every filter, or the first fault with the possible fields, operators or values. */
export function parseFilters(texts: readonly string[], kinds: FieldKinds): Filter[] | Refusal {
  const filters: Filter[] = []
  for (const text of texts) {
    const parsed = parseFilter(text, kinds)
    if (typeof parsed === 'string') return refuse('invalid', `filter "${text.slice(0, 80)}": ${parsed}`)
    filters.push(parsed)
  }
  return filters
}

/** The filter, or what is wrong with it. */
function parseFilter(text: string, kinds: FieldKinds): Filter | string {
  const at = text.search(/[=!<>~]/)
  const operator = at < 0 ? undefined : OPERATORS.find(sign => text.startsWith(sign, at))
  if (!operator) return `say FIELD, one of ${OPERATORS.join(' ')}, and VALUE, as in cores>=4`
  const field = text.slice(0, at).trim()
  const kind = kindOf(field, kinds)
  if (!kind) return unknownField(field.slice(0, 40), Object.keys(kinds))
  if (!OPERATORS_OF[kind].includes(operator))
    return `${field} cannot be compared by ${operator}; possible: ${OPERATORS_OF[kind].join(' ')}`
  const value = text.slice(at + operator.length).trim()
  if (kind === 'text') return { field, operator, value }
  const number = readNumber(value, kind)
  return number === undefined ? `${field} takes ${TAKES[kind]}` : { field, operator, value: number }
}

const unknownField = (field: string, known: readonly string[]) =>
  `there is no field "${field}"${didYouMean(field, known)}; possible: ${known.join(', ')}, tag:KEY`

const kindOf = (field: string, kinds: FieldKinds): Kind | undefined =>
  /^tag:./.test(field) ? 'text' : Object.hasOwn(kinds, field) ? kinds[field] : undefined

const readNumber = (text: string, kind: Exclude<Kind, 'text'>) =>
  kind !== 'number' ? parseSize(text, kind) : /^\d{1,9}$/.test(text) ? Number(text) : undefined

export const matches = (filters: readonly Filter[], fields: Fields): boolean =>
  filters.every(filter => holds(filter, fields))

function holds({ field, operator, value }: Filter, fields: Fields): boolean {
  const found = Object.hasOwn(fields, field) ? fields[field] : undefined
  const values = found === undefined ? [] : [found].flat()
  if (operator === '!=') return !values.some(one => COMPARE['='](fold(one), fold(value)))
  return values.some(one => COMPARE[operator](fold(one), fold(value)))
}

const fold = (value: string | number) => (typeof value === 'string' ? value.toLowerCase() : value)

type Value = string | number
const COMPARE: Record<Exclude<Operator, '!='>, (found: Value, wanted: Value) => boolean> = {
  '=': (found, wanted) => found === wanted,
  '>=': (found, wanted) => found >= wanted,
  '<=': (found, wanted) => found <= wanted,
  '>': (found, wanted) => found > wanted,
  '<': (found, wanted) => found < wanted,
  '~': (found, wanted) => String(found).includes(String(wanted)),
}

/** What is known of a system beside its record. */
export type SystemExtras = {
  readonly user?: string | undefined
  readonly instance?: string | undefined
  readonly profile?: string | undefined
  readonly tags?: Tags | undefined
}

export function systemFields(machine: Machine, { user, instance, profile, tags }: SystemExtras): Fields {
  const { id, name, group, state, firmware, arch, vendor, product, serial, address, macs } = machine
  const known = { id, name, group, state, firmware, arch, vendor, product, serial, address }
  const size = { cores: machine.cores, memory: machine.memory, disk: largestDisk(machine) }
  return { ...tagFields(tags), ...known, ...size, mac: macs, user, instance, profile }
}

/** Bytes; undefined when no disk is known. */
export const largestDisk = ({ disks = [] }: Pick<Machine, 'disks'>): number | undefined =>
  disks.length === 0 ? undefined : Math.max(...disks.map(disk => disk.size))

export function instanceFields(instance: Instance, machine: Pick<Machine, 'name' | 'group'>): Fields {
  const { id, reservation, name, user, profile, phase, address, hostName, tags } = instance
  const state: InstanceState = STATE_OF[phase]
  const stage = state === 'pending' ? phase : undefined
  const place = { system: machine.name, group: machine.group, address, hostname: hostName }
  return { ...tagFields(tags), id, reservation, name, user, profile, state, stage, ...place }
}

const tagFields = (tags: Tags = {}): Fields =>
  Object.fromEntries(Object.entries(tags).map(([key, value]) => [`tag:${key}`, value]))
