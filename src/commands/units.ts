export { diskSize, memorySize } from '../core/quantity.js'

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

/** `in 12 min`, or how long ago it was. */
export function until(then: string, now: Date): string {
  const ahead = Date.parse(then) - now.getTime()
  if (ahead <= 0) return ago(then, now)
  return `in ${ago(new Date(now.getTime() - ahead).toISOString(), now).replace(/ ago$/, '')}`
}
