import t from 'tap'
import { parseDuration, parseSize } from '../../src/core/quantity.js'

for (const [text, want] of [
  ['0', 0],
  ['512', 512],
  ['512M', 512 * 2 ** 20],
  ['8G', 8 * 2 ** 30],
  ['8 GiB', 8 * 2 ** 30],
  ['8GB', 8e9],
  ['1.5TB', 1.5e12],
  ['2T', 2 * 2 ** 40],
  ['', undefined],
  ['G', undefined],
  ['-1', undefined],
  ['8g', undefined],
  ['8GG', undefined],
  ['1e9', undefined],
  ['999999999999999T', undefined], // more than a number can count
] as const)
  t.test(`size ${text}`, async t => t.equal(parseSize(text), want))

for (const [text, want] of [
  ['90', 90],
  ['90s', 90],
  ['20min', 1200],
  ['20 min', 1200],
  ['1.5h', 5400],
  ['20m', undefined], // minutes or months?
  ['soon', undefined],
] as const)
  t.test(`time ${text}`, async t => t.equal(parseDuration(text), want))
