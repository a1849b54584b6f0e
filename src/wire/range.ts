/** First and last byte, both included. */
export type ByteRange = { start: number; end: number }

/**
 * What a Range header (RFC 9110 section 14.2) asks of a file of `size` bytes. A header that is malformed, has another
 * unit or asks for several ranges counts as not sent, which the RFC allows; a suffix longer than the file is all of it.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | 'whole' | 'unsatisfiable' {
  const [, first, last] = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || first + last === '') return 'whole'
  if (first === '') return within({ start: Math.max(0, size - Number(last)), end: size - 1 }, size)
  if (last !== '' && Number(last) < Number(first)) return 'whole'
  return within(
    { start: Number(first), end: last === '' ? size - 1 : Math.min(Number(last), size - 1) },
    size,
  )
}

const within = (range: ByteRange, size: number) => (range.start < size ? range : 'unsatisfiable')
