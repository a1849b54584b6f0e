import t, { type Test } from 'tap'
import { createInstallDocuments } from '../../src/control/installDocuments.js'
import { openTemplates } from '../../src/io/templates.js'
import { daemonIn, HOST_KEYS, MACS } from '../control/life.js'
import { ask, startServices } from '../support/http.js'
import { AROUND, PROFILE, pretendMedia } from '../support/installJobs.js'

const [OWN, OTHER] = MACS
const documents = createInstallDocuments({
  templates: openTemplates(),
  media: pretendMedia([PROFILE.name]),
  around: async () => AROUND,
  installerArguments: '',
})

/** The routes over a real database, for a machine whose scout was just told to install. */
async function installing(t: Test) {
  const daemon = await daemonIn(t)
  t.teardown(daemon.close)
  const { boot, lines } = await startServices(t, { owner: OWN, installs: { jobs: daemon.jobs, documents } })
  const stranger = await startServices(t, { owner: OTHER, installs: { jobs: daemon.jobs, documents } })
  const { id, token } = await daemon.reach('starting')
  const at = `${boot}/install/v1/${token}`
  const report = (stage: string) => ask(`${at}/report`, { body: `stage=${stage}` })
  return { ...daemon, id, token, boot, at, report, lines, stranger }
}

t.test('an install from the plan to the call home, by what really keeps it', async t => {
  const { id, token, boot, at, report, phaseOf, instances, lines } = await installing(t)
  t.match((await ask(`${at}/plan`)).text, /^disk='\/dev\/sda'$/m)
  t.equal((await ask(`${at}/finish`)).status, 403, 'no finish before it began')
  t.match((await report('started')).body, { phase: 'installing' })
  const late = await ask(`${at}/plan`)
  t.match([late.status, late.text], [403, /may not ask for answers while the instance is installing/])
  t.equal((await ask(`${at}/report`, { body: 'stage=progress&percent=40&note=writing' })).status, 200)
  t.match(await instances.find(id), { percent: 40, note: 'writing' })
  const finish = await ask(`${at}/finish`)
  const [, phoneToken = ''] = /install\/v1\/([0-9a-f]{32})\/phone-home/.exec(finish.text) ?? []
  t.not(phoneToken, token)
  t.equal((await ask(`${at}/log`, { body: 'partitioned\n' })).status, 200)
  t.match((await report('installed')).body, { phase: 'installed' })
  const home = `${boot}/install/v1/${phoneToken}/phone-home`
  const call = { hostName: 'oak-1', hostKeys: HOST_KEYS }
  t.match((await ask(home, { body: call })).body, { state: 'running' })
  t.match((await ask(home, { body: call })).body, { state: 'running' }, 'the same once more')
  const other = await ask(home, { body: { ...call, hostKeys: [`ssh-ed25519 ${'B'.repeat(68)}`] } })
  t.match([other.status, other.text], [403, /other SSH host keys/])
  t.equal(await phaseOf(id), 'running')
  t.match(await instances.console(id), { output: /partitioned/ })
  t.notMatch(lines.join(''), new RegExp(`${token}|${phoneToken}`))
})

t.test('another machine with the same token', async t => {
  const { token, stranger, phaseOf, id } = await installing(t)
  for (const path of ['plan', 'answers']) {
    const { status, text } = await ask(`${stranger.boot}/install/v1/${token}/${path}`)
    t.match([status, text], [403, /belongs to 52:54:00:00:01:02/])
  }
  const { status } = await ask(`${stranger.boot}/install/v1/${token}/report`, { body: 'stage=started' })
  t.match([status, await phaseOf(id)], [403, 'starting'])
})
