import t from 'tap'
import { isOn, offAt, wakeAgainAt } from '../../src/core/waking.js'

const AT = new Date('2026-01-02T03:04:05Z')
const later = (seconds: number) => new Date(AT.getTime() + seconds * 1000)

for (const [name, silent, want] of [
  ['heard of just now', 0, true],
  ['between two polls', 60, true],
  ['silent', 120, false],
] as const)
  t.test(`a machine that was ${name}`, async t => t.equal(isOn({ lastSeen: AT }, later(silent)), want))

t.test('it counts as off two minutes after its last word', async t =>
  t.same(offAt({ lastSeen: AT }), later(120)),
)

for (const [sent, pause] of [
  [1, 20],
  [2, 20],
  [3, 300],
  [9, 300],
] as const)
  t.test(`after ${sent} packets`, async t => t.same(wakeAgainAt(sent, AT), later(pause)))
