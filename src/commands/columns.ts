import type { Summary } from '../core/summary.js'
import { ago, diskSize, memorySize } from './units.js'

type Cell = string | number | undefined
/** `value` is exact, for programs; `shown` is the same for people, where that differs. */
type Column = { value: (s: Summary) => Cell; shown?: (s: Summary, now: Date) => Cell }

export const tagsText = ({ tags }: Summary) =>
  Object.entries(tags)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')

export const COLUMNS = {
  id: { value: s => s.id },
  name: { value: s => s.name },
  group: { value: s => s.group },
  state: { value: s => s.state },
  free: { value: s => (s.free ? 'free' : ''), shown: s => (s.free ? 'yes' : 'no') },
  user: { value: s => s.reservedFor },
  instance: { value: s => s.instance },
  profile: { value: s => s.profile },
  tags: { value: tagsText },
  cores: { value: s => s.cores },
  memory: { value: s => s.memory, shown: s => s.memory && memorySize(s.memory) },
  disks: {
    value: s => s.disks?.map(d => `${d.name}=${d.size}`).join(','),
    shown: s => s.disks?.map(d => `${d.name} ${diskSize(d.size)}`).join(', '),
  },
  mac: { value: s => s.macs[0] },
  macs: { value: s => s.macs.join(',') },
  address: { value: s => s.address },
  vendor: { value: s => s.vendor },
  product: { value: s => s.product },
  serial: { value: s => s.serial },
  uuid: { value: s => s.uuid },
  firmware: { value: s => s.firmware },
  arch: { value: s => s.arch },
  'local-boot': { value: s => s.localBoot },
  'first-seen': { value: s => s.firstSeen, shown: (s, now) => ago(s.firstSeen, now) },
  'last-seen': { value: s => s.lastSeen, shown: (s, now) => ago(s.lastSeen, now) },
} as const satisfies Record<string, Column>

export type ColumnName = keyof typeof COLUMNS
export const COLUMN_NAMES = Object.keys(COLUMNS) as ColumnName[]

const HARDWARE = ['cores', 'memory', 'disks', 'mac', 'address', 'vendor', 'product', 'serial', 'last-seen']
const USE = ['free', 'user', 'instance']

export const DEFAULT_COLUMNS = ['id', 'name', 'group', 'state', ...USE, ...HARDWARE] as ColumnName[]
/** For programs, which count them: new ones are added at the end. */
export const DEFAULT_FIELDS = ['id', 'name', 'group', 'state', ...HARDWARE, ...USE] as ColumnName[]

const text = (cell: Cell) => (cell === undefined ? '' : String(cell))

export const exact = (system: Summary, names: readonly ColumnName[]) =>
  names.map(name => text(COLUMNS[name].value(system)))

export const shown = (system: Summary, names: readonly ColumnName[], now: Date) =>
  names.map(name => {
    const column: Column = COLUMNS[name]
    return text(column.shown ? column.shown(system, now) : column.value(system))
  })
