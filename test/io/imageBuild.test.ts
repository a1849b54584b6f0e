import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
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

t.test('a profile that differs in no part of the image takes the one that there is', async t => {
  const stateDir = t.testdir({})
  const theirs = await publishMedium({
    ...{ stateDir, medium: PROFILE.name, profile: PROFILE.name, kind: 'image', inputs: wanted, builtAt: now },
    async fill(folder) {
      writeFileSync(join(folder, 'root.tar.zst'), 'an image')
      return { kernel: '6.1.0-9-amd64', packages: { curl: '8.1' } }
    },
  })
  const profile: Profile = { ...PROFILE, name: 'web', users: [], kernelArguments: 'quiet', boot: 'kexec' }
  const build = () => buildImage({ stateDir, profile, mirrors, now, onProgress: () => t.fail('it builds') })
  const { medium, why } = await build()
  t.match(why, new RegExp(`as ${PROFILE.name} is made of the same`), 'which is told')
  t.match(medium.manifest, { medium: 'web', profile: 'web', packages: { curl: '8.1' } })
  t.same(medium.manifest.files, theirs.manifest.files)
  t.equal(readFileSync(join(medium.folder, 'root.tar.zst'), 'utf8'), 'an image')
  t.equal(statSync(join(medium.folder, 'root.tar.zst')).nlink, 2, 'it is on the disk once')
  t.same(await build(), { built: false, medium }, 'and then it is its own')
})

t.test('LVM with cryptsetup-initramfs is made of what a layout for encryption needs', async t => {
  const sealed: Profile = { ...PROFILE, partitioning: { layout: 'encryption-ready', swap: 0 } }
  const packages = ['cryptsetup-initramfs']
  const volumes: Profile = { ...PROFILE, packages, partitioning: { layout: 'lvm', swap: 0 } }
  t.equal(
    await imageInputs({ profile: { ...sealed, packages: [] }, mirrors }),
    await imageInputs({ profile: volumes, mirrors }),
  )
})

for (const mirror of ['absent', 'constructor'])
  t.test(`the mirror ${mirror}, which nobody named`, async t =>
    t.rejects(imageInputs({ profile: { ...PROFILE, mirror }, mirrors }), {
      message: `profile ${PROFILE.name} needs the mirror ${mirror}, which the setting mirrors does not name`,
    }),
  )
