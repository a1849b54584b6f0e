import t from 'tap'
import { createAllowance } from '../../src/core/allowance.js'

for (const [name, times, want] of [
  ['the first two of a second', [0, 1, 2, 999], [true, true, false, false]],
  ['the next second starts anew', [500, 501, 502, 1000, 1001, 1002], [true, true, false, true, true, false]],
  ['a clock that was set back', [5000, 5001, 3000, 3001, 3002], [true, true, true, true, false]],
] as const)
  t.test(name, async t => {
    const allowed = createAllowance(2)
    t.same(times.map(allowed), want)
  })
