import t from 'tap'
import { clean } from '../../src/commands/render.js'
import { ago, diskSize, memorySize } from '../../src/commands/units.js'

for (const [bytes, disk, memory] of [
  [0, '0 B', '0 B'],
  [999, '999 B', '999 B'],
  [1_000_204_886_016, '1 TB', '932 GiB'],
  [480_103_981_056, '480 GB', '447 GiB'],
  [1_920_383_410_176, '1.9 TB', '1.7 TiB'],
  [536_870_912, '537 MB', '512 MiB'],
] as const)
  t.test(`${bytes} bytes`, async t => t.same([diskSize(bytes), memorySize(bytes)], [disk, memory]))

const now = new Date('2026-01-02T12:00:00Z')
for (const [then, want] of [
  ['2026-01-02T12:00:05Z', '0 s ago'],
  ['2026-01-02T11:59:01Z', '59 s ago'],
  ['2026-01-02T11:59:00Z', '1 min ago'],
  ['2026-01-02T10:00:00Z', '2 h ago'],
  ['2025-12-24T12:00:00Z', '9 d ago'],
] as const)
  t.test(want, async t => t.equal(ago(then, now), want))

t.test('what a machine says cannot steer a terminal', async t =>
  t.equal(clean('a\u001b[2Jb\tc\nd\u009be'), 'a [2Jb c d e'),
)
