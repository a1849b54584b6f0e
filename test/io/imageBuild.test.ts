import t from 'tap'
import type { Profile } from '../../src/core/profile.js'
import { buildImage, imageInputs } from '../../src/io/imageBuild.js'
import { publishMedium } from '../../src/io/media.js'
import { PROFILE } from '../support/installJobs.js'

const mirrors = { debian: 'http://mirror/debian', 'debian-security': 'http://mirror/security' }
const now = new Date('2026-01-02T03:04:05Z')
const wanted = await imageInputs({ profile: PROFILE, mirrors })

for (const [name, some, makesAnew] of [
  ['packages', { packages: [...PROFILE.packages, 'podman'] }, true],
  ['the release', { release: '13' }, true],
  ['the time zone', { timezone: 'Asia/Tokyo' }, true],
  ['the locale', { locale: 'de_DE.UTF-8' }, true],
  ['the keymap', { keymap: 'de' }, true],
  ['a layout that needs other packages', { partitioning: { layout: 'lvm', swap: 0 } }, true],
  ['swap', { partitioning: { ...PROFILE.partitioning, swap: 2 ** 30 } }, false],
  ['users', { users: [] }, false],
  ['late commands', { lateCommands: ['true'] }, false],
  ['the disk', { disk: { ...PROFILE.disk, pick: 'largest' } }, false],
] as const)
  t.test(`another image after a change of ${name}: ${makesAnew}`, async t => {
    const profile = { ...PROFILE, ...some } as Profile
    t.equal((await imageInputs({ profile, mirrors })) !== wanted, makesAnew)
  })

t.test('a mirror that moved makes another image', async t =>
  t.not(
    await imageInputs({ profile: PROFILE, mirrors: { ...mirrors, debian: 'http://other/debian' } }),
    wanted,
  ),
)

t.test('an image that is as it should be is not made again', async t => {
  const stateDir = t.testdir({})
  const made = await publishMedium({
    ...{ stateDir, medium: PROFILE.name, profile: PROFILE.name, kind: 'image', inputs: wanted, builtAt: now },
    fill: async () => ({}),
  })
  const found = await buildImage({ stateDir, profile: PROFILE, mirrors, now, onProgress: () => {} })
  t.same(found, { medium: made, built: false })
})
