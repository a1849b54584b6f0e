import { type InstallSurroundings, installValues } from '../../src/core/installValues.js'
import type { Profile } from '../../src/core/profile.js'
import { openTemplates } from '../../src/io/templates.js'
import { INSTANCE, JOB_TOKEN, PROFILE } from './installJobs.js'
import { machine } from './inventory.js'

const AROUND: InstallSurroundings = {
  url: 'http://192.168.1.2:8067',
  mirrors: {
    debian: 'http://deb.debian.org/debian',
    'debian-security': 'http://security.debian.org/debian-security',
    own: 'http://mirror.example.org',
    'own-security': 'https://mirror.example.org/security',
    lonely: 'http://mirror.example.org/debian',
  },
  throughCache: true,
  ownerKeys: ['ssh-ed25519 AAAAowner ada@desk'],
  rootKey: 'ssh-ed25519 AAAAroot muster',
  nameServer: '192.168.1.1',
}
const templates = openTemplates()

export type Given = Partial<Profile> & {
  disk?: never
  onDisk?: string
  around?: Partial<InstallSurroundings>
}

function render(template: string, { onDisk, around, ...given }: Given): string {
  const profile = { ...PROFILE, installer: 'preseed', template, ...given } as Profile
  const instance = { ...INSTANCE, disk: onDisk ?? INSTANCE.disk }
  const subject = { instance, machine: machine(), profile, token: JOB_TOKEN }
  return templates.render(template, installValues(subject, { ...AROUND, ...around }))
}

/** The preseed of a profile that differs from an ordinary one in the fields given. */
export const preseedOf = (given: Given = {}) => render('preseed/debian.cfg.njk', given)
export const reporterOf = (given: Given = {}) => render('preseed/reporter.sh.njk', given)

/** Rows that take every way through the template. */
export const PRESEEDS = [
  ['plain', { partitioning: { layout: 'plain', swap: 0 } }],
  ['lvm', { partitioning: { layout: 'lvm', swap: 2 ** 31 }, packages: ['vim', 'libstdc++6'] }],
  [
    'encryption-ready',
    {
      partitioning: { layout: 'encryption-ready', swap: 0 },
      mirror: 'own',
      rootPasswordHash: '$y$j9T$salt$hash',
      kernelArguments: 'quiet console=ttyS0,115200',
      around: { throughCache: false },
    },
  ],
] as const satisfies readonly (readonly [string, Given])[]
