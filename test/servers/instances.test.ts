import t from 'tap'
import { API_TOKEN, ask, startServices } from '../support/http.js'

const token = API_TOKEN
const RUN = { user: 'demo', profile: 'debian-12' }

for (const [name, method, path, body, want, answer] of [
  ['all', 'GET', '/instances', undefined, ['list', { filter: [] }], [{ instances: [{ name: 'oak-1' }] }]],
  [
    'those of a user that meet filters',
    'GET',
    '/instances?user=demo&filter=state=pending&filter=tag:rack=2',
    undefined,
    ['list', { user: 'demo', filter: ['state=pending', 'tag:rack=2'] }],
    [{ user: 'demo' }],
  ],
  ['one by name', 'GET', '/instances/oak-1', undefined, undefined, { state: 'pending', stage: 'starting' }],
  ['a run', 'POST', '/instances', RUN, ['run', RUN], { id: 'r-0123456789ab' }],
  [
    'a run with everything',
    'POST',
    '/instances',
    { ...RUN, count: 1, group: 'a', systems: ['x'], filter: ['cores>=4'], prefer: 'largest', name: 'n' },
    ['run', { prefer: 'largest' }],
    {},
  ],
  ['a run into a pool', 'POST', '/instances', { ...RUN, minNodes: 3 }, ['run', { minNodes: 3 }], {}],
  [
    'user data and tags',
    'POST',
    '/instances',
    { ...RUN, userData: 'IyE=', tags: { rack: '2' }, clientToken: 'c', dryRun: true },
    ['run', { userData: 'IyE=', tags: { rack: '2' }, dryRun: true }],
    {},
  ],
  [
    'terminate',
    'POST',
    '/instances/terminate',
    { instances: ['oak-1'], wipe: 'quick', powerOff: true },
    ['terminate', { instances: ['oak-1'], wipe: 'quick', powerOff: true }],
    [{ name: 'oak-1' }],
  ],
  ['retry', 'POST', '/instances/retry', { user: 'demo' }, ['retry', { user: 'demo' }], [{}]],
  [
    'reserve',
    'POST',
    '/reservations',
    { user: 'demo', count: 2 },
    ['reserve', { count: 2 }],
    { systems: [{}] },
  ],
  ['release', 'POST', '/reservations/release', { systems: ['x'] }, ['release', { systems: ['x'] }], [{}]],
  [
    'tags',
    'POST',
    '/tags',
    { resources: ['oak-1'], tags: { rack: '2' } },
    ['tag', { tags: { rack: '2' } }],
    { tagged: 1 },
  ],
  ['no tags', 'POST', '/tags/delete', { resources: ['a'], keys: ['rack'] }, ['untag', {}], { untagged: 1 }],
  ['profiles', 'GET', '/profiles', undefined, undefined, [{ name: 'debian-12', medium: 'missing' }]],
  ['distros', 'GET', '/distros', undefined, undefined, [{ profiles: ['debian-12'] }]],
] as const)
  t.test(name, async t => {
    const { api, asked } = await startServices(t)
    const got = await ask(api + path, { token, method, ...(body && { body }) })
    t.equal(got.status, 200, got.text)
    t.match(got.body, answer)
    t.match(asked, want ? [want] : [])
  })

for (const [name, path, body, status, message] of [
  ['nobody', '/instances/terminate', {}, 400, /names nobody: give instances or user/],
  ['an empty list', '/instances/retry', { instances: [] }, 400, /^instances: /],
  ['nothing to release', '/reservations/release', {}, 400, /systems or user/],
  ['a wipe that is none', '/instances/terminate', { user: 'a', wipe: 'all' }, 400, /^wipe: /],
  ['no user', '/instances', { profile: 'debian-12' }, 400, /^user: /],
  ['none at all', '/instances', { ...RUN, count: 0 }, 400, /^count: must be a whole number from 1 to 1000$/],
  ['an unknown field', '/instances', { ...RUN, protected: true }, 400, /protected/],
  ['user data that are no base64', '/instances', { ...RUN, userData: '#!' }, 400, /^userData: is not base64/],
  [
    'user data that are too long',
    '/instances',
    { ...RUN, userData: 'AAAA'.repeat(5463) },
    400,
    /^userData: is longer than 16384 bytes/,
  ],
  ['more than there are', '/instances', { ...RUN, count: 3 }, 409, /^not enough resources: asked 3, free 1/],
  ['what the daemon refuses', '/instances/reboot', { user: 'demo' }, 409, /pending/],
] as const)
  t.test(`refused: ${name}`, async t => {
    const { api } = await startServices(t)
    const got = await ask(api + path, { token, body })
    t.match([got.status, got.body.error.message], [status, message])
  })

t.test('the console, and what is new on it', async t => {
  const { api } = await startServices(t)
  const whole = await ask(`${api}/instances/oak-1/console`, { token })
  t.same(whole.body, { output: 'partitioning\nwriting\n', next: 2 })
  const news = await ask(`${api}/instances/oak-1/console?after=1`, { token })
  t.same(news.body, { output: 'writing\n', next: 2 })
  t.equal((await ask(`${api}/instances/oak-1/console?after=x`, { token })).status, 400)
  for (const path of ['/instances/elm', '/instances/elm/console']) {
    const { status, body } = await ask(api + path, { token })
    t.match([status, body.error.message], [404, /no instance "elm"/])
  }
})

t.test('nothing of it without the token', async t => {
  const { api, asked } = await startServices(t)
  for (const path of ['/instances', '/instances/terminate', '/reservations', '/tags'])
    t.equal((await ask(api + path, { body: RUN })).status, 401)
  for (const path of ['/profiles', '/distros', '/instances/oak-1/console'])
    t.equal((await ask(api + path)).status, 401)
  t.same(asked, [])
})
