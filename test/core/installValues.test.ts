import t from 'tap'
import { installValues, mirrorValues } from '../../src/core/installValues.js'
import { FACTS } from '../support/facts.js'
import { AROUND, INSTANCE, JOB_TOKEN, PROFILE } from '../support/installJobs.js'
import { machine } from '../support/inventory.js'

const valuesOf = (profile = PROFILE, around = AROUND) =>
  installValues({ instance: INSTANCE, machine: machine(), profile, token: JOB_TOKEN }, around)

t.test('the urls of an installer', async t => {
  const at = `http://192.168.1.2:8067/install/v1/${JOB_TOKEN}`
  t.match(valuesOf().urls, { answers: `${at}/plan`, finish: `${at}/finish`, report: `${at}/report` })
  t.equal(valuesOf({ ...PROFILE, installer: 'preseed' }).urls.answers, `${at}/preseed.cfg`)
  t.equal(valuesOf({ ...PROFILE, installer: 'kickstart' }).urls.answers, `${at}/ks.cfg`)
})

t.test("a user's keys are the owner's, the profile's and the own ones, each once", async t => {
  const user = { name: 'ada', fullName: '', sshKeys: ['c', 'b'], groups: [], sudo: false }
  const { users } = valuesOf({ ...PROFILE, sshKeys: ['b', 'ssh-ed25519 AAAAowner ada@desk'], users: [user] })
  t.match(users, [{ name: 'ada', sshKeys: ['ssh-ed25519 AAAAowner ada@desk', 'b', 'c'], passwordHash: '' }])
})

t.test('what is absent is empty, because templates throw on what is not given', async t => {
  const holes = (value: unknown, path: string): string[] =>
    value === undefined || value === null
      ? [path]
      : value instanceof Object
        ? Object.entries(value).flatMap(([key, one]) => holes(one, `${path}.${key}`))
        : []
  t.same(holes(valuesOf({ ...PROFILE, mirror: 'none', distribution: 'rocky' }), 'values'), [])
})

t.test('the MAC is the one that it netboots from', async t => {
  t.equal(valuesOf().machine.mac, '52:54:00:12:34:56')
  const mac = '02:00:00:00:00:09'
  const known = machine({
    facts: { ...FACTS, bootMac: mac } as NonNullable<ReturnType<typeof machine>['facts']>,
  })
  const values = installValues(
    { instance: INSTANCE, machine: known, profile: PROFILE, token: JOB_TOKEN },
    AROUND,
  )
  t.equal(values.machine.mac, mac)
})

for (const [locale, language, country] of [
  ['en_US.UTF-8', 'en', 'US'],
  ['de_CH.UTF-8', 'de', 'CH'],
  ['C.UTF-8', 'en', ''],
  ['eo.UTF-8', 'eo', ''],
] as const)
  t.test(`locale ${locale}`, async t =>
    t.match(valuesOf({ ...PROFILE, locale }).profile, { language, country }),
  )

for (const [name, mirror, throughCache, want] of [
  [
    'through the cache',
    'rocky',
    true,
    {
      url: 'http://192.168.1.2:8067/mirror/rocky',
      protocol: 'http',
      host: '192.168.1.2:8067',
      path: '/mirror/rocky',
    },
  ],
  [
    'directly',
    'rocky',
    false,
    {
      url: 'https://[fd00::1]:8443/pub/rocky',
      protocol: 'https',
      host: '[fd00::1]:8443',
      path: '/pub/rocky',
    },
  ],
  ['unknown', 'suse', true, { url: '', protocol: '', host: '', path: '' }],
  ['what every object has', 'constructor', true, { url: '' }],
] as const)
  t.test(`mirror: ${name}`, async t => t.match(mirrorValues(mirror, { ...AROUND, throughCache }), want))
