import t from 'tap'
import { API_TOKEN, ask, startServices } from '../support/http.js'
import { INSTANCE } from '../support/installJobs.js'
import { PLAN_VIEW, POOL_VIEW, STEP_VIEW } from '../support/instances.js'

/** What is done on nodes, and their pools, as routes. */

const token = API_TOKEN

for (const [name, method, path, body, status, answer, call] of [
  ['what was done', 'GET', '/instances/oak-1/steps', undefined, 200, [STEP_VIEW], undefined],
  ['of nobody', 'GET', '/instances/elm/steps', undefined, 404, { error: { code: 'not-found' } }, undefined],
  ['what would be done', 'GET', `/instances/${INSTANCE.id}/plan`, undefined, 200, PLAN_VIEW, undefined],
  ['on nobody', 'GET', '/instances/elm/plan', undefined, 404, { error: { code: 'not-found' } }, undefined],
  [
    'again',
    'POST',
    '/instances/converge',
    { instances: ['oak-1'] },
    ...[200, [{ name: 'oak-1' }], ['converge', { instances: ['oak-1'] }]],
  ],
  ['for all', 'POST', '/instances/converge', {}, ...[200, [{ name: 'oak-1' }], ['converge', {}]]],
  ['pools', 'GET', '/pools', undefined, 200, [POOL_VIEW], undefined],
  [
    'a pool asks for nodes',
    'PATCH',
    '/pools/default',
    { minNodes: 3 },
    ...[200, POOL_VIEW, ['setMinNodes', { pool: 'default', minNodes: 3 }]],
  ],
  ['for none', 'PATCH', '/pools/default', { minNodes: 0 }, 400, { error: { code: 'invalid' } }, undefined],
] as const)
  t.test(name, async t => {
    const { api, asked } = await startServices(t)
    const { status: got, body: told } = await ask(api + path, { token, method, body })
    t.equal(got, status)
    t.match(told, answer)
    t.match(asked[0], call)
  })
