import t from 'tap'
import { API_TOKEN, ask, startServices } from '../support/http.js'
import { EXPLANATION, JOIN_RULES_VIEW } from '../support/joining.js'

const token = API_TOKEN

for (const [name, method, path, status, want] of [
  ['the rules', 'GET', '/join-rules', 200, JOIN_RULES_VIEW],
  ['what they say to one', 'GET', '/systems/oak-1/explanation', 200, EXPLANATION],
  ['what they say to nobody', 'GET', '/systems/elm/explanation', 404, { error: { message: /elm/ } }],
  ['one may join again', 'POST', '/systems/oak-1/allow-join', 200, { name: 'oak-1', free: false }],
  ['nobody may join again', 'POST', '/systems/elm/allow-join', 404, { error: { code: 'not-found' } }],
] as const)
  t.test(name, async t => {
    const { api } = await startServices(t)
    const got = await ask(api + path, { token, method })
    t.equal(got.status, status)
    t.match(got.body, want)
  })
