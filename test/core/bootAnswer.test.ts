import t from 'tap'
import { run } from '../fuzz/dhcp.js'

t.test('whatever comes in: no exception, never an address, memory flat', async t => {
  const report = run(1, 20_000)
  t.ok((report.outcomes.reply ?? 0) > 2000, 'many mutants are still answered')
  t.ok((report.outcomes.malformed ?? 0) > 2000, 'many are malformed')
  t.ok(report.growth < 4_000_000, `grew by ${report.growth} bytes`)
  t.ok(report.slowestMs < 5_000, `no input hangs it: slowest ${report.slowestMs} ms`)
})
