import t from 'tap'
import { createProfileViews } from '../../src/control/profileViews.js'
import type { Profile } from '../../src/core/profile.js'
import type { Medium } from '../../src/io/media.js'
import { PROFILE } from '../support/installJobs.js'

const file = (some: Partial<Profile> & { name: string }) => ({
  name: some.name,
  file: `/profiles/${some.name}.yaml`,
  profile: { ...PROFILE, ...some },
})
const built: Medium = {
  build: '20260102030405-0123abcd',
  folder: '/',
  manifest: {
    medium: 'debian-12-amd64-installer',
    profile: 'debian-12',
    kind: 'preseed',
    inputs: '',
    builtAt: '2026-01-02T03:04:05Z',
    kernel: '6.1.0',
    files: { vmlinuz: { size: 3, sha256: '' }, initrd: { size: 4, sha256: '' } },
  },
}
const views = createProfileViews(
  {
    list: async () => [
      file({ name: 'debian-12', installer: 'preseed' }),
      file({ name: 'debian-12-image' }),
      file({ name: 'own', installer: 'preseed' }),
      { name: 'broken', file: '/profiles/broken.yaml', problems: ['release: is missing'] },
    ],
  },
  { list: async () => [built] },
)

t.test('profiles with what they are installed from, and those that are broken', async t => {
  t.same(
    (await views.profiles()).find(one => one.name === 'broken'),
    {
      name: 'broken',
      source: '/profiles/broken.yaml',
      problems: ['release: is missing'],
    },
  )
  t.match(
    (await views.profiles()).filter(one => one.name !== 'broken'),
    [
      {
        name: 'debian-12',
        medium: 'ready',
        builtAt: '2026-01-02T03:04:05Z',
        source: '/profiles/debian-12.yaml',
      },
      { name: 'debian-12-image', medium: 'missing' },
      { name: 'own', medium: 'ready' },
    ],
  )
})

t.test('profiles of one distribution share an installer', async t => {
  const got = await views.distros()
  t.match(got, [
    { name: 'debian-12-amd64-installer', kernel: '6.1.0', size: 7, profiles: ['debian-12', 'own'] },
    { name: 'debian-12-image', installer: 'image', profiles: ['debian-12-image'] },
  ])
  t.equal(got[1]?.size, undefined)
})
