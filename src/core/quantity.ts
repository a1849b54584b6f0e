/** Powers of ten as disks are sold, powers of two as memory is; a bare letter is a power of two. */
const SIZES: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  ...Object.fromEntries(
    ['K', 'M', 'G', 'T'].flatMap((letter, n) => [
      [letter, 1024 ** (n + 1)],
      [`${letter}iB`, 1024 ** (n + 1)],
      [`${letter}B`, 1000 ** (n + 1)],
    ]),
  ),
}

const TIMES: Readonly<Record<string, number>> = { '': 1, s: 1, min: 60, h: 3600 }

function parse(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, number, unit = ''] = text.trim().match(/^(\d{1,15}(?:\.\d{1,6})?) ?([A-Za-z]{0,3})$/) ?? []
  const factor = units[unit]
  if (number === undefined || factor === undefined) return undefined
  const value = Math.round(Number(number) * factor)
  return Number.isSafeInteger(value) ? value : undefined
}

/** `512M`, `1.5TB`, `8GiB`, `0` in bytes; undefined when it is no size. */
export const parseSize = (text: string): number | undefined => parse(text, SIZES)

/** `90s`, `20min`, `2h`, or a plain number of seconds; undefined when it is no time. */
export const parseDuration = (text: string): number | undefined => parse(text, TIMES)
