import t from 'tap'
import { FACTS } from '../support/facts.js'
import { ask, startServices } from '../support/http.js'
import { SCOUT_TOKEN } from '../support/inventory.js'

const token = SCOUT_TOKEN
const OTHER = '02:00:00:00:00:01'

t.test('facts are recorded', async t => {
  const { boot, inventory } = await startServices(t)
  const { status, body } = await ask(`${boot}/scout/v1/facts`, { token, body: FACTS })
  t.same([status, body], [200, { id: 'm-0123456789ab', name: 'oak-1', state: 'discovered' }])
  t.equal((await inventory.find('oak-1'))?.facts?.cpu.cores, 2)
})

for (const [name, sent, status, message] of [
  ['without a token', { body: FACTS }, 401, /netboot this machine again/],
  ['with an unknown token', { token: 'f'.repeat(32), body: FACTS }, 401, /netboot this machine again/],
  ['with a token of another form', { token: '../x', body: FACTS }, 401, /netboot this machine again/],
  ['of another machine', { token, body: { ...FACTS, bootMac: OTHER } }, 403, /02:00:00:00:00:01/],
  ['that lack a field', { token, body: { ...FACTS, cpu: undefined } }, 400, /^cpu: /],
  [
    'with a wrong field deep inside',
    { token, body: { ...FACTS, nics: [{ ...FACTS.nics[0], mac: 'x' }] } },
    400,
    /^nics\.0\.mac: is not a MAC/,
  ],
  ['that are no JSON', { token, body: '{"cpu"' }, 400, /JSON/],
  ['that are no object', { token, body: '[1]' }, 400, /object/],
  [
    'that are too long',
    { token, body: JSON.stringify({ x: 'x'.repeat(256 * 1024) }) },
    413,
    /longer than 262144 bytes/,
  ],
  ['that are compressed', { token, body: FACTS, headers: { 'content-encoding': 'gzip' } }, 415, /encoding/],
] as const)
  t.test(`facts ${name} are refused`, async t => {
    const { boot } = await startServices(t)
    const got = await ask(`${boot}/scout/v1/facts`, sent)
    t.match([got.status, got.body?.error?.message], [status, message])
  })

t.test('a long body of an unknown machine is not read', async t => {
  const { boot } = await startServices(t)
  t.equal((await ask(`${boot}/scout/v1/facts`, { body: 'x'.repeat(300 * 1024) })).status, 401)
})

t.test('an order that waits is told at once, done when acknowledged', async t => {
  const { boot, order } = await startServices(t)
  order('reboot')
  t.same((await ask(`${boot}/scout/v1/orders?wait=50`, { token })).body, { order: 'reboot', id: 1 })
  t.equal((await ask(`${boot}/scout/v1/orders/1/done`, { token, method: 'POST' })).status, 200)
  const again = await ask(`${boot}/scout/v1/orders/1/done`, { token, method: 'POST' })
  t.match([again.status, again.body.error.message], [404, /no order 1/])
  t.same((await ask(`${boot}/scout/v1/orders?wait=0`, { token })).body, { order: 'wait' })
})

t.test('a new order wakes the poll', async t => {
  const { boot, order, listening } = await startServices(t)
  const poll = ask(`${boot}/scout/v1/orders`, { token })
  await until(() => listening() === 1)
  order('power-off')
  t.same((await poll).body, { order: 'power-off', id: 1 })
  t.equal(listening(), 0)
})

t.test('a newer poll of the same machine ends the older one', async t => {
  const { boot, order, listening } = await startServices(t)
  const older = ask(`${boot}/scout/v1/orders`, { token })
  await until(() => listening() === 1)
  const newer = ask(`${boot}/scout/v1/orders`, { token })
  t.same((await older).body, { order: 'wait' })
  await until(() => listening() === 1)
  order('reboot')
  t.same((await newer).body, { order: 'reboot', id: 1 })
})

t.test('a poll whose client went away is forgotten', async t => {
  const { boot, listening } = await startServices(t)
  const gone = new AbortController()
  const poll = fetch(`${boot}/scout/v1/orders`, {
    headers: { authorization: `Bearer ${token}` },
    signal: gone.signal,
  })
  await until(() => listening() === 1)
  gone.abort()
  await t.rejects(poll)
  await until(() => listening() === 0)
})

t.test('closing ends the polls with an answer', async t => {
  const { boot, listening, close } = await startServices(t)
  const poll = ask(`${boot}/scout/v1/orders`, { token })
  await until(() => listening() === 1)
  await close()
  t.same((await poll).body, { order: 'wait' })
})

for (const [name, path, method] of [
  ['a wait that is too long', '/scout/v1/orders?wait=61', 'GET'],
  ['a wait that is no number', '/scout/v1/orders?wait=x', 'GET'],
  ['an order that is no number', '/scout/v1/orders/x/done', 'POST'],
] as const)
  t.test(`${name} is refused`, async t => {
    const { boot } = await startServices(t)
    t.equal((await ask(boot + path, { token, method })).status, 400)
  })

t.test('no token reaches the log', async t => {
  const { boot, lines } = await startServices(t)
  await ask(`${boot}/scout/v1/facts?token=${token}`, { token, body: { ...FACTS, bootMac: OTHER } })
  await ask(`${boot}/scout/v1/orders?wait=0`, { token: 'f'.repeat(32) })
  t.ok(lines.length >= 3)
  t.notMatch(lines.join(''), new RegExp(`${token}|${'f'.repeat(32)}|Bearer`))
})

t.test('what concerns the scout is logged under its own area, the boot files are not', async t => {
  const { boot, lines } = await startServices(t)
  await ask(`${boot}/boot/ipxe`)
  await ask(`${boot}/scout/v1/orders?wait=0`, { token: 'f'.repeat(32) })
  await until(() => lines.length === 3)
  t.match(
    lines.map(line => JSON.parse(line)).map(({ area, msg }) => `${area} ${msg}`),
    ['undefined request', 'scout unknown scout', 'scout request'],
  )
})

/** Waits for what another part of the process does; the test's own time-out is the bound. */
async function until(condition: () => boolean) {
  while (!condition()) await new Promise(resolve => setImmediate(resolve))
}
