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

const LETTERS = 'KMGTP'

/**
 * Bytes of `8G`, `8GB`, `8GiB`, `1.5T`, `500m` or a plain number; undefined for anything else. What `iB` ends is a
 * power of two; what it does not is one for memory and a power of ten for disks, as each is sold.
 */
export function parseSize(text: string, of: 'memory' | 'disk'): number | undefined {
  const [, digits, letter, binary] =
    /^(\d{1,15}(?:\.\d{1,9})?)\s?(?:([kmgtp])(i?)b?|b)?$/i.exec(text.trim()) ?? []
  if (digits === undefined) return undefined
  const power = letter ? LETTERS.indexOf(letter.toUpperCase()) + 1 : 0
  const step = of === 'memory' || binary ? 1024 : 1000
  const bytes = Math.round(Number(digits) * step ** power)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

const SECONDS: Readonly<Record<string, number>> = { '': 1, s: 1, min: 60, h: 3600 }

/** `90s`, `20min`, `2h`, or a plain number of seconds; undefined when it is no time. */
export function parseDuration(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d{1,9}(?:\.\d{1,6})?)\s?(s|min|h)?$/.exec(text.trim()) ?? []
  return number === undefined ? undefined : Math.round(Number(number) * (SECONDS[unit] ?? 1))
}
