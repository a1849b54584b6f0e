import { type Refusal, refuse } from './refusal.js'

/**
 * Which of the machines that fit go first: `smallest` (as is usual), `largest`, or sizes separated by commas, the
 * first of which decides: `memory` the most first, `-memory` the least first. What is left equal goes by `smallest`.
 */
export type Preference = readonly { readonly size: Size; readonly most: boolean }[]

const SIZES = ['cores', 'memory', 'disk'] as const
type Size = (typeof SIZES)[number]

const ALL = (most: boolean): Preference => SIZES.map(size => ({ size, most }))
export const SMALLEST = ALL(false)
const NAMED: Readonly<Record<string, Preference>> = { smallest: SMALLEST, largest: ALL(true) }

export function parsePreference(text: string | undefined): Preference | Refusal {
  if (text === undefined) return SMALLEST
  const chosen: { size: Size; most: boolean }[] = []
  for (const word of text.split(',').map(word => word.trim())) {
    const size = SIZES.find(size => size === word.replace(/^-/, ''))
    const meant = size ? [{ size, most: !word.startsWith('-') }] : Object.hasOwn(NAMED, word) && NAMED[word]
    if (!meant)
      return refuse(
        'invalid',
        `cannot prefer "${word.slice(0, 40)}"; possible: ${Object.keys(NAMED).join(', ')}, ${SIZES.join(', ')}, ` +
          'with - in front for the least first',
      )
    chosen.push(...meant)
  }
  return chosen
}

type Sizes = Readonly<Record<Size, number | undefined>>

/** For sorting. A size that is not known goes last. */
export function bySize(prefer: Preference, a: Sizes, b: Sizes): number {
  for (const { size, most } of [...prefer, ...SMALLEST]) {
    const last = most ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
    const [ours, theirs] = [a[size] ?? last, b[size] ?? last]
    if (ours !== theirs) return ours < theirs === most ? 1 : -1
  }
  return 0
}
