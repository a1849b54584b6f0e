import t from 'tap'
import { type InstallSurroundings, installValues } from '../src/core/installValues.js'
import type { Profile } from '../src/core/profile.js'
import { openTemplates } from '../src/io/templates.js'
import { golden } from './golden.js'
import { INSTANCE, JOB_TOKEN, PROFILE } from './support/installJobs.js'
import { machine } from './support/inventory.js'

const AROUND: InstallSurroundings = {
  url: 'http://192.168.1.2:8067',
  mirrors: {
    debian: 'http://deb.debian.org/debian',
    'debian-security': 'http://security.debian.org/debian-security',
    own: 'https://mirror.example.org',
    'own-security': 'https://mirror.example.org/security',
    lonely: 'http://mirror.example.org/debian',
  },
  throughCache: true,
  ownerKeys: ['ssh-ed25519 AAAAowner ada@desk'],
  rootKey: 'ssh-ed25519 AAAAroot muster',
  nameServer: '192.168.1.1',
}
const templates = openTemplates()

const valuesOf = (given: Partial<Profile>, around: Partial<InstallSurroundings> = {}) => {
  const profile = { ...PROFILE, installer: 'preseed', template: 'preseed/debian.cfg.njk', ...given } as const
  const subject = { instance: INSTANCE, machine: machine(), profile, token: JOB_TOKEN }
  return installValues(subject, { ...AROUND, ...around })
}
const preseed = (...given: Parameters<typeof valuesOf>) =>
  templates.render('preseed/debian.cfg.njk', valuesOf(...given))

for (const [name, given, around] of [
  ['plain', { partitioning: { layout: 'plain', swap: 0 } }, {}],
  ['lvm', { partitioning: { layout: 'lvm', swap: 2 ** 31 }, packages: ['vim', 'libstdc++6'] }, {}],
  [
    'encryption-ready',
    {
      partitioning: { layout: 'encryption-ready', swap: 0 },
      mirror: 'own',
      rootPasswordHash: '$y$j9T$salt$hash',
      kernelArguments: 'quiet console=ttyS0,115200',
    },
    { throughCache: false },
  ],
] as const)
  t.test(`the preseed of layout ${name}`, async t =>
    golden(t, `test/golden/preseed-${name}.cfg`, preseed(given, around)),
  )

t.test('the reporter', async t =>
  golden(t, 'test/golden/reporter.sh', templates.render('preseed/reporter.sh.njk', valuesOf({}))),
)

t.test('a mirror without one for security updates', async t => {
  const text = preseed({ mirror: 'lonely' })
  t.match(text, /^d-i apt-setup\/services-select multiselect updates$/m)
  t.notMatch(text, 'apt-setup/local0')
})

t.test('what is secret for longer than the install', async t => {
  t.notMatch(preseed({}), /AAAAowner|AAAAroot/, 'keys come with the script that finishes the system')
})
