import t from 'tap'
import { API_TOKEN, ask, startServices } from '../support/http.js'

const token = API_TOKEN

for (const [name, sent] of [
  ['no token', {}],
  ['a wrong token', { token: 'b'.repeat(64) }],
  ['a shorter token', { token: 'a'.repeat(63) }],
  ['another scheme', { headers: { authorization: `Basic ${token}` } }],
] as const)
  t.test(`${name} is refused`, async t => {
    const { api, lines } = await startServices(t)
    for (const path of ['/systems', '/status', '/nothing']) {
      const { status, body, headers } = await ask(api + path, sent)
      t.match([status, body.error], [401, { code: 'unauthorized', message: /MUSTER_TOKEN/ }])
      t.match(headers.get('www-authenticate'), /^Bearer/)
    }
    t.notMatch(lines.join(''), /aaaaaaaa|bbbbbbbb/)
  })

for (const [name, method, path, body, status, want] of [
  ['the list', 'GET', '/systems', undefined, 200, [{ name: 'oak-1', firstSeen: '2026-01-02T03:04:05.000Z' }]],
  [
    'one by name',
    'GET',
    '/systems/oak-1',
    undefined,
    200,
    { id: 'm-0123456789ab', macs: ['52:54:00:12:34:56'] },
  ],
  ['one by id', 'GET', '/systems/m-0123456789ab', undefined, 200, { name: 'oak-1' }],
  ['those of a filter', 'GET', '/systems?filter=name=oak-1&filter=group=default', undefined, 200, [{}]],
  ['a filter that nobody meets', 'GET', '/systems?filter=group=lab', undefined, 200, []],
  [
    'a filter that is none',
    'GET',
    '/systems?filter=colour=red',
    undefined,
    400,
    { error: { message: /colour/ } },
  ],
  ['an unknown one', 'GET', '/systems/elm', undefined, 404, { error: { code: 'not-found', message: /elm/ } }],
  ['protect', 'POST', '/systems/oak-1/protect', undefined, 200, { state: 'protected' }],
  [
    'what the state forbids',
    'POST',
    '/systems/oak-1/unprotect',
    undefined,
    409,
    { error: { code: 'conflict' } },
  ],
  ['an unknown verb', 'POST', '/systems/oak-1/wipe', undefined, 404, { error: { code: 'not-found' } }],
  [
    'an event that is no verb',
    'POST',
    '/systems/oak-1/facts',
    undefined,
    404,
    { error: { code: 'not-found' } },
  ],
  ['a group', 'PATCH', '/systems/oak-1', { group: 'lab' }, 200, { group: 'lab' }],
  ['a profile', 'PATCH', '/systems/oak-1', { profile: 'debian-12' }, 200, { profile: 'debian-12' }],
  ['the local boot', 'PATCH', '/systems/oak-1', { localBoot: 'exit-1' }, 200, { localBoot: 'exit-1' }],
  ['nothing', 'PATCH', '/systems/oak-1', {}, 400, { error: { message: /nothing to change/ } }],
  [
    'a name that is too long',
    'PATCH',
    '/systems/oak-1',
    { name: 'x'.repeat(65) },
    400,
    { error: { message: /^name: / } },
  ],
  ['what may not be set', 'PATCH', '/systems/oak-1', { state: 'seen' }, 400, { error: { message: /state/ } }],
  ['no body', 'PATCH', '/systems/oak-1', undefined, 400, { error: { code: 'invalid' } }],
  ['a wake-up', 'POST', '/systems/wake', { systems: ['oak-1'] }, 200, [{ name: 'oak-1' }]],
  ['a wake-up of an unknown one', 'POST', '/systems/wake', { systems: ['elm'] }, 404, {}],
  ['a wake-up of nobody', 'POST', '/systems/wake', { systems: [] }, 400, {}],
  ['an order', 'POST', '/systems/oak-1/orders', { order: 'reboot' }, 200, { id: 1, kind: 'reboot' }],
  [
    'an order nobody gives',
    'POST',
    '/systems/oak-1/orders',
    { order: 'boot-disk' },
    400,
    { error: { message: /^order: / } },
  ],
  [
    'an order for nobody',
    'POST',
    '/systems/elm/orders',
    { order: 'reboot' },
    404,
    { error: { code: 'not-found' } },
  ],
  [
    'a body too long',
    'PATCH',
    '/systems/oak-1',
    { name: 'x'.repeat(70_000) },
    413,
    { error: { code: 'too-large' } },
  ],
  ['the status', 'GET', '/status', undefined, 200, { version: '0.0.0' }],
  ['events that are none', 'GET', '/events', undefined, 200, []],
  ['too many events', 'GET', '/events?limit=1001', undefined, 400, { error: { message: /^limit: / } }],
  ['events of nobody', 'GET', '/events?system=elm', undefined, 404, { error: { message: /elm/ } }],
  ['what is no JSON', 'PATCH', '/systems/oak-1', '{', 400, { error: { message: /^the body is not JSON: / } }],
  ['an unknown parameter', 'GET', '/events?since=1', undefined, 400, { error: { message: /since/ } }],
  ['an unknown path', 'GET', '/nothing', undefined, 404, { error: { code: 'not-found' } }],
] as const)
  t.test(name, async t => {
    const { api } = await startServices(t)
    const got = await ask(api + path, { token, method, ...(body && { body }) })
    t.equal(got.status, status)
    t.match(got.body, want)
  })

t.test('a body that calls itself a form, as curl does, is read as JSON', async t => {
  const { api } = await startServices(t)
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const { status } = await ask(`${api}/systems/oak-1/orders`, { token, headers, body: '{"order":"reboot"}' })
  t.equal(status, 200)
})

t.test('packets', async t => {
  const { api } = await startServices(t)
  const { text, headers } = await ask(`${api}/packets.pcap`, { token })
  t.match([text, headers.get('content-type')], ['pcap', 'application/vnd.tcpdump.pcap'])
})

t.test('an event wakes who waits for events', async t => {
  const { api, tell, listening } = await startServices(t)
  tell('one')
  const old = await ask(`${api}/events?wait=60`, { token })
  t.match(old.body, [{ id: 1, text: 'one' }])
  const next = ask(`${api}/events?after=1&wait=60`, { token })
  while (listening() === 0) await new Promise(resolve => setImmediate(resolve))
  tell('two')
  t.match((await next).body, [{ id: 2, text: 'two' }])
})

t.test('a fault of ours is logged and told without detail', async t => {
  const { api, inventory, lines } = await startServices(t)
  inventory.list = async () => {
    throw new Error('database is locked')
  }
  const { status, body } = await ask(`${api}/systems`, { token })
  t.match([status, body.error.code], [500, 'internal'])
  t.notMatch(body.error.message, /database/)
  t.match(lines.join(''), /database is locked/)
})
