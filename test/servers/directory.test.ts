import t from 'tap'
import { pretendAuthority } from '../support/directory.js'
import { API_TOKEN, ask, startServices } from '../support/http.js'

for (const [path, want] of [
  ['/ca', { body: pretendAuthority }],
  ['/known-hosts', { text: 'web-1,192.168.1.31 ssh-ed25519 AAAA\n' }],
  ['/inventory', { body: { _meta: { hostvars: {} }, role_worker: { hosts: [] } } }],
] as const)
  t.test(`GET ${path}`, async t => {
    const { api } = await startServices(t)
    t.match(await ask(api + path, { token: API_TOKEN }), { status: 200, ...want })
    t.match(await ask(api + path), { status: 401 })
  })
