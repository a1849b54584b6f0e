import t from 'tap'
import { parseRange } from '../../src/wire/range.js'

for (const [name, header, size, want] of [
  ['no header', undefined, 10, 'whole'],
  ['first and last', 'bytes=2-4', 10, { start: 2, end: 4 }],
  ['one byte', 'bytes=0-0', 10, { start: 0, end: 0 }],
  ['to the end', 'bytes=7-', 10, { start: 7, end: 9 }],
  ['past the end', 'bytes=7-99', 10, { start: 7, end: 9 }],
  ['behind the end', 'bytes=10-12', 10, 'unsatisfiable'],
  ['a suffix', 'bytes=-3', 10, { start: 7, end: 9 }],
  ['a suffix longer than the file', 'bytes=-30', 10, { start: 0, end: 9 }],
  ['an empty suffix', 'bytes=-0', 10, 'unsatisfiable'],
  ['an empty file', 'bytes=0-', 0, 'unsatisfiable'],
  ['a number too big to be exact', `bytes=0-${'9'.repeat(400)}`, 10, { start: 0, end: 9 }],
  ['capitals and blanks', 'Bytes= 1-2 ', 10, { start: 1, end: 2 }],
  ['backwards', 'bytes=4-2', 10, 'whole'],
  ['several', 'bytes=0-1,4-5', 10, 'whole'],
  ['another unit', 'lines=0-1', 10, 'whole'],
  ['nothing asked', 'bytes=-', 10, 'whole'],
  ['not numbers', 'bytes=a-b', 10, 'whole'],
] as const)
  t.test(name, async t => t.same(parseRange(header, size), want))
