import t from 'tap'
import { after, BOOT_TARGET, MACHINE_EVENTS, MACHINE_STATES, NEXT } from '../../src/core/machine.js'

/** Written out by hand, so that a slip in the table is seen. `-` is refused. */
const WANTED = {
  //            facts         disable-netboot enable-netboot protect      unprotect
  seen: ['discovered', 'local', '-', 'protected', '-'],
  discovered: ['discovered', 'local', '-', 'protected', '-'],
  local: ['local', '-', 'seen', 'protected', '-'],
  protected: ['protected', '-', '-', '-', 'seen'],
} as const

for (const state of MACHINE_STATES)
  for (const [n, event] of MACHINE_EVENTS.entries())
    t.test(`${state}, ${event}`, async t => t.equal(after(state, event) ?? '-', WANTED[state][n]))

t.test('a machine that the owner keeps from us boots its own disk', async t => {
  t.same(BOOT_TARGET, { seen: 'scout', discovered: 'scout', local: 'disk', protected: 'disk' })
})

t.test('facts are welcome in every state', async t => {
  for (const state of MACHINE_STATES) t.ok(NEXT[state].facts, state)
})
