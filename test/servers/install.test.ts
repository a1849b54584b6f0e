import t from 'tap'
import { ask, startServices } from '../support/http.js'
import { JOB_TOKEN, PHONE_TOKEN } from '../support/installJobs.js'
import { MAC } from '../support/inventory.js'

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const HOST_KEY = `ssh-ed25519 ${'A'.repeat(68)}`
const STRANGE = 'f'.repeat(32)

for (const name of ['answers', 'plan', 'preseed.cfg', 'ks.cfg'])
  t.test(`answers by the name ${name}`, async t => {
    const { boot, told } = await startServices(t, { owner: MAC })
    const { status, text, headers } = await ask(`${boot}/install/v1/${JOB_TOKEN}/${name}`)
    t.match([status, text], [200, 'host_name=oak-1\n'])
    t.match(headers.get('content-type'), /^text\/plain/)
    t.equal(headers.get('cache-control'), 'no-store')
    t.match(told, [{ call: 'answers', peer: { address: '127.0.0.1', mac: MAC } }])
  })

for (const [name, path, sent, why, logged] of [
  ['an unknown token', `${STRANGE}/answers`, {}, /no install waits/, false],
  ['a token of another form', 'x/answers', {}, /unknown token/, true],
  ['a longer token', `${JOB_TOKEN}0/answers`, {}, /unknown token/, true],
  ['a finish script for nobody', `${STRANGE}/finish`, {}, /no install waits/, false],
  ['a report for nobody', `${STRANGE}/report`, { body: { stage: 'started' } }, /no install waits/, false],
  [
    'a report before its time',
    `${JOB_TOKEN}/report`,
    { body: { stage: 'installed' } },
    /install-ended/,
    false,
  ],
  ['a log of nobody', `${STRANGE}/log`, { body: 'text' }, /no install waits/, false],
  [
    'a call home with the token of the install',
    `${JOB_TOKEN}/phone-home`,
    { body: { hostName: 'oak-1', hostKeys: [HOST_KEY] } },
    /no install waits/,
    false,
  ],
] as const)
  t.test(`${name} is forbidden, and no token gets into the log`, async t => {
    const { boot, lines } = await startServices(t)
    const { status, text } = await ask(`${boot}/install/v1/${path}`, sent)
    t.equal(status, 403)
    t.match(text, why)
    t.equal(
      /"level":40.*install call refused/.test(lines.join('')),
      logged,
      'what was refused further in is logged there',
    )
    t.notMatch(lines.join(''), new RegExp(`${STRANGE}|${JOB_TOKEN}`))
  })

t.test('a whole install; the second fetch of the answers is refused', async t => {
  const { boot, lines, told } = await startServices(t)
  const at = `${boot}/install/v1/${JOB_TOKEN}`
  const report = (body: unknown, headers = {}) => ask(`${at}/report`, { body, headers })
  t.equal((await ask(`${at}/preseed.cfg`)).status, 200)
  t.match((await report({ stage: 'started' })).body, { phase: 'installing', state: 'pending' })
  t.equal((await ask(`${at}/preseed.cfg`)).status, 403)
  t.equal((await report('stage=progress&percent=42.5&note=base%20system', FORM)).status, 200)
  t.match(told.at(-1), { what: { stage: 'progress', percent: 42.5, note: 'base system' } })
  const finish = await ask(`${at}/finish`)
  t.match([finish.text, finish.headers.get('content-type')], [PHONE_TOKEN, /^text\/x-shellscript/])
  t.equal((await ask(`${at}/log`, { body: 'line 1\nline 2\n' })).status, 200)
  t.match(told.at(-1), { call: 'log', what: 'line 1\nline 2\n' })
  t.match((await report('stage=installed', FORM)).body, { phase: 'installed' })
  const home = { hostName: 'oak-1', hostKeys: [HOST_KEY] }
  const up = await ask(`${boot}/install/v1/${PHONE_TOKEN}/phone-home`, { body: home })
  t.match(up.body, { phase: 'converging', state: 'pending' })
  t.equal((await ask(`${boot}/install/v1/${PHONE_TOKEN}/log`, { body: 'up' })).status, 200)
  t.match(lines.join(''), /"path":"\/install\/v1\/\[secret\]\/report"/)
  t.notMatch(lines.join(''), new RegExp(`${JOB_TOKEN}|${PHONE_TOKEN}`))
})

const progress = (fields: object) => ({ stage: 'progress', ...fields })
for (const [name, call, body, status, want] of [
  ['no stage', 'report', {}, 400, /^stage: /],
  ['an unknown stage', 'report', 'stage=formatting', 400, /^stage: /],
  ['more than everything', 'report', progress({ percent: 101 }), 400, /^percent: /],
  ['JSON that is none', 'report', '{"stage"', 400, /object/],
  ['nothing at all', 'report', '', 400, /^stage: /],
  ['a report that is too long', 'report', `stage=${'x'.repeat(20_000)}`, 413, /16384/],
  ['a log that is too long', 'log', 'x'.repeat(65_537), 413, /65536/],
  ['host keys that are none', 'phone-home', { hostName: 'oak', hostKeys: ['x'] }, 400, /^hostKeys.0: /],
  ['no host keys', 'phone-home', { hostName: 'oak', hostKeys: [] }, 400, /^hostKeys: /],
  ['a host name with a line of its own', 'phone-home', { hostName: 'oak\nx' }, 400, /^hostName: /],
] as const)
  t.test(`refused: ${name}`, async t => {
    const { boot, lines } = await startServices(t)
    const token = call === 'phone-home' ? PHONE_TOKEN : JOB_TOKEN
    const got = await ask(`${boot}/install/v1/${token}/${call}`, { method: 'POST', body })
    t.match([got.status, got.text], [status, want])
    t.notMatch(lines.join(''), token)
  })

for (const [name, body, want] of [
  ['a form', 'stage=failed&reason=no+disk', { stage: 'failed', reason: 'no disk' }],
  ['JSON', { stage: 'failed', reason: 'no disk' }, { stage: 'failed', reason: 'no disk' }],
  ['without a reason', 'stage=failed', { reason: 'the installer gave no reason' }],
  ['control characters', { stage: 'failed', reason: ' a\n\u001b[2Jb\t' }, { reason: 'a [2Jb' }],
  ['a long reason is cut', { stage: 'failed', reason: 'x'.repeat(2000) }, { reason: 'x'.repeat(1000) }],
] as const)
  t.test(`a failure that is told as ${name}`, async t => {
    const { boot, told } = await startServices(t)
    await ask(`${boot}/install/v1/${JOB_TOKEN}/report`, { body: { stage: 'started' } })
    const { status } = await ask(`${boot}/install/v1/${JOB_TOKEN}/report`, { body })
    t.equal(status, 200)
    t.match(told.at(-1), { what: want })
  })
