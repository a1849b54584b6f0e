import t from 'tap'
import { createLog } from '../../src/io/log.js'

function written(level: string, debug: string[]) {
  const lines: string[] = []
  const log = createLog({ level, debug, to: { write: line => void lines.push(line) } })
  return { log, lines: () => lines.map(line => JSON.parse(line)) }
}

t.test('one line of JSON per event, with the area', async t => {
  const { log, lines } = written('info', [])
  log.area('dhcp').info({ mac: '52:54:00:00:00:01' }, 'offered')
  t.match(lines(), [{ level: 'info', area: 'dhcp', mac: '52:54:00:00:00:01', msg: 'offered', time: /Z$/ }])
})

for (const [name, level, debug, want] of [
  ['an area that was asked for', 'info', ['tftp'], ['tftp']],
  ['none', 'info', [], []],
  ['all by level', 'debug', ['tftp'], ['dhcp', 'tftp']],
  ['one area of a silent daemon', 'silent', ['dhcp'], ['dhcp']],
] as const)
  t.test(`debug lines: ${name}`, async t => {
    const { log, lines } = written(level, [...debug])
    for (const area of ['dhcp', 'tftp']) log.area(area).debug('x')
    t.same(
      lines().map(line => line.area),
      want,
    )
  })

t.test('secrets do not get into the log', async t => {
  const { log, lines } = written('info', [])
  log
    .area('http')
    .info({ token: 'a', request: { headers: { authorization: 'b' } }, answer: { token: 'c' } }, 'x')
  t.match(lines()[0], {
    token: '[secret]',
    request: { headers: { authorization: '[secret]' } },
    answer: { token: '[secret]' },
  })
})
