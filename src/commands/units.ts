const DECIMAL = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** Three figures at most: `500 GB`, `1.5 TB`. */
function human(bytes: number, step: number, units: readonly string[]): string {
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log(bytes) / Math.log(step)))
  const n = bytes / step ** power
  return `${Number(n.toFixed(n < 10 ? 1 : 0))} ${units[power]}`
}

/** Disks are sold in powers of ten. */
export const diskSize = (bytes: number) => human(bytes, 1000, DECIMAL)
/** Memory comes in powers of two. */
export const memorySize = (bytes: number) => human(bytes, 1024, BINARY)

const AGES = [
  [60, 1, 's'],
  [3600, 60, 'min'],
  [86_400, 3600, 'h'],
  [Number.POSITIVE_INFINITY, 86_400, 'd'],
] as const

/** `12 s ago`; clocks of two hosts may differ, so the future is now. */
export function ago(then: string, now: Date): string {
  const seconds = Math.max(0, (now.getTime() - Date.parse(then)) / 1000)
  const [, size, unit] = AGES.find(([limit]) => seconds < limit) ?? AGES[3]
  return `${Math.floor(seconds / size)} ${unit} ago`
}
