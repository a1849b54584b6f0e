import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openApiToken } from '../../src/io/apiToken.js'

t.test('made at the first start, for its owner alone, and kept', async t => {
  const dir = t.testdir({})
  const token = await openApiToken(dir)
  t.match(token, /^[0-9a-f]{64}$/)
  t.equal(statSync(join(dir, 'api-token')).mode & 0o777, 0o600)
  t.equal(await openApiToken(dir), token)
  t.same(readdirSync(dir), ['api-token'])
})

for (const [name, content] of [
  ['empty', ''],
  ['short', 'abc'],
  ['not hex', 'z'.repeat(64)],
] as const)
  t.test(`a file that is ${name} is no token`, async t =>
    t.rejects(openApiToken(t.testdir({ 'api-token': content })), /remove it/),
  )

t.test('a folder that is not there', async t =>
  t.rejects(openApiToken('/nonexistent'), { message: 'cannot open the API token /nonexistent/api-token' }),
)
