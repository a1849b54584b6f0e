import t from 'tap'
import { diskSize, memorySize, parseDuration, parseSize } from '../../src/core/quantity.js'

for (const [text, memory, disk] of [
  ['8G', 2 ** 33, 8e9],
  ['8GB', 2 ** 33, 8e9],
  ['8 gb', 2 ** 33, 8e9],
  ['8GiB', 2 ** 33, 2 ** 33],
  ['500M', 500 * 2 ** 20, 5e8],
  ['1T', 2 ** 40, 1e12],
  ['1.5T', 1.5 * 2 ** 40, 1.5e12],
  ['1TiB', 2 ** 40, 2 ** 40],
  ['512k', 2 ** 19, 512_000],
  ['8000000000', 8e9, 8e9],
  ['7B', 7, 7],
  ['0', 0, 0],
  ['', undefined, undefined],
  ['G', undefined, undefined],
  ['-1G', undefined, undefined],
  ['8iB', undefined, undefined],
  ['8X', undefined, undefined],
  ['1e9', undefined, undefined],
  ['8G B', undefined, undefined],
  ['9'.repeat(16), undefined, undefined],
  ['999999999999999T', undefined, undefined], // more than a number can count
] as const)
  t.test(`size "${text}"`, async t =>
    t.same([parseSize(text, 'memory'), parseSize(text, 'disk')], [memory, disk]),
  )

t.test('what is shown reads back as what is meant', async t => {
  for (const whole of [1, 4, 8, 16, 64, 512]) {
    t.equal(parseSize(memorySize(whole * 2 ** 30), 'memory'), whole * 2 ** 30)
    t.equal(parseSize(diskSize(whole * 1e9), 'disk'), whole * 1e9)
  }
})

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
