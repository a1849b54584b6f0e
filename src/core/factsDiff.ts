import type { Facts } from './facts.js'

/** More changes than this are counted, not listed: an event stays one readable line. */
const MOST_LISTED = 12
const LONGEST_VALUE = 60

/** What differs between two inventories of a machine, for people: `memory.installed: 8 GiB -> 16 GiB`. Empty: nothing. */
export function factsDiff(before: Facts, after: Facts): string[] {
  const old = flatten(before)
  const now = flatten(after)
  const paths = [...new Set([...old.keys(), ...now.keys()])].sort()
  const changes = paths.flatMap(path => {
    const [from, to] = [old.get(path), now.get(path)]
    if (from === to) return []
    if (from === undefined) return [`${path} added: ${to}`]
    if (to === undefined) return [`${path} gone: ${from}`]
    return [`${path}: ${from} -> ${to}`]
  })
  const more = changes.length - MOST_LISTED
  return more > 0 ? [...changes.slice(0, MOST_LISTED), `and ${more} more`] : changes
}

/** Paths to printed values. Parts that come and go as a whole are one value, named by what stays the same of them. */
function flatten(facts: Facts): Map<string, string> {
  const { cpu, memory, disks, nics, pci, dmi, ...rest } = facts
  const { flags, ...cpuRest } = cpu
  const found = new Map<string, string>()
  const put = (path: string, value: unknown) => {
    if (value !== undefined) found.set(path, shorten(String(value)))
  }
  const putAll = (prefix: string, values: object) => {
    for (const [key, value] of Object.entries(values)) put(`${prefix}${key}`, value)
  }
  putAll('', rest)
  putAll('cpu.', cpuRest)
  for (const flag of flags) put(`cpu.flag ${flag}`, 'yes')
  put('memory.installed', bytes(memory.installed))
  put('memory.usable', bytes(memory.usable))
  for (const { name, size, ...disk } of disks) {
    const id = disk.serial ?? disk.wwn ?? name
    put(`disk ${id}`, [name, bytes(size), disk.model].filter(Boolean).join(' '))
    putAll(`disk ${id} `, { transport: disk.transport, rotational: disk.rotational, byId: disk.byId })
  }
  for (const { mac, name, link, ...nic } of nics) {
    put(`nic ${mac}`, name)
    putAll(`nic ${mac} `, { link: link ? 'up' : 'down', ...nic })
  }
  for (const { slot, vendor, device, driver } of pci)
    put(`pci ${slot}`, `${vendor}:${device} ${driver ?? ''}`.trim())
  for (const [part, values] of Object.entries(dmi)) putAll(`dmi.${part}.`, values)
  return found
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** `8 GiB`, `465.8 GiB`: at most one decimal place. */
export function bytes(count: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, count)) / 10))
  return `${Number((count / 1024 ** power).toFixed(1))} ${UNITS[power]}`
}

const shorten = (text: string) =>
  text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE - 1)}…` : text
