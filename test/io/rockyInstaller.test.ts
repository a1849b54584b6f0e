import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openMedia } from '../../src/io/media.js'
import { openProfiles } from '../../src/io/profiles.js'
import { fetchRockyInstaller } from '../../src/io/rockyInstaller.js'
import { startUpstream } from '../support/mirror.js'

/** A small tree stands in for Rocky's: what it lacks to the real one is its size. */
const BASE = '/9/BaseOS/x86_64/os'
const [KERNEL, INITRD] = [randomBytes(200_000), randomBytes(300_000)]
const sum = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

const treeinfo = (kernel = KERNEL, family = 'Rocky Linux', version = '9.4') =>
  `[checksums]\nimages/pxeboot/vmlinuz = sha256:${sum(kernel)}\nimages/pxeboot/initrd.img = sha256:${sum(INITRD)}
[images-x86_64]\nkernel = images/pxeboot/vmlinuz\ninitrd = images/pxeboot/initrd.img
[release]\nname = ${family}\nversion = ${version}\n`

async function start(t: Test, files: Record<string, Buffer | string> = {}) {
  const upstream = await startUpstream(t, {
    [`${BASE}/.treeinfo`]: treeinfo(),
    [`${BASE}/images/pxeboot/vmlinuz`]: KERNEL,
    [`${BASE}/images/pxeboot/initrd.img`]: INITRD,
    ...files,
  })
  const found = await openProfiles({ folder: '/nonexistent' }).find('rocky-9')
  if (!found?.profile) throw new Error('rocky-9 is shipped')
  const { profile } = found
  const stateDir = t.testdir({})
  const told: string[] = []
  const fetchIt = (mirrors: Record<string, string> = { rocky: upstream.url }, force = false) =>
    fetchRockyInstaller({
      ...{ stateDir, profile, mirrors, force, now: new Date() },
      onProgress: ({ what }) => told.push(what),
    })
  return { fetchIt, stateDir, upstream, told }
}

t.test('kernel and initrd, once', async t => {
  const { fetchIt, stateDir, upstream, told } = await start(t)
  const { medium, built } = await fetchIt()
  t.equal(built, true)
  t.match(medium.manifest, { medium: 'rocky-9-amd64-installer', kind: 'kickstart' })
  t.ok(readFileSync(join(medium.folder, 'vmlinuz')).equals(KERNEL))
  t.ok(readFileSync(join(medium.folder, 'initrd')).equals(INITRD))
  t.match(told.join(), /reading .treeinfo,.*downloading images\/pxeboot\/initrd.img/)
  t.equal((await fetchIt()).built, false)
  t.equal(upstream.asked.filter(line => line.endsWith('vmlinuz')).length, 1)
  t.equal((await openMedia(stateDir).current('rocky-9-amd64-installer'))?.build, medium.build)
})

for (const [name, files, want] of [
  ['a kernel that is not the one of .treeinfo', { vmlinuz: 'other' }, /vmlinuz is not what was listed/],
  [
    'another distribution',
    { '.treeinfo': treeinfo(KERNEL, 'Fedora') },
    /is of Fedora 9.4, not of Rocky Linux 9/,
  ],
  [
    'another release',
    { '.treeinfo': treeinfo(KERNEL, 'Rocky Linux', '10.0') },
    /Rocky Linux 10.0, not of Rocky/,
  ],
  ['no .treeinfo', { '.treeinfo': '<html>' }, /\.treeinfo: this is no \.treeinfo/],
] as const)
  t.test(`${name}: what there was stays`, async t => {
    const { fetchIt, stateDir, upstream } = await start(t)
    const before = await fetchIt()
    for (const [file, content] of Object.entries(files))
      upstream.files[`${BASE}/${file === 'vmlinuz' ? 'images/pxeboot/vmlinuz' : file}`] = content
    await t.rejects(fetchIt(undefined, true), { message: want })
    t.equal((await openMedia(stateDir).current('rocky-9-amd64-installer'))?.build, before.medium.build)
  })

t.test('no such mirror', async t => {
  const { fetchIt, upstream } = await start(t)
  await t.rejects(fetchIt({}), { message: /needs the mirror rocky, which the setting mirrors does not name/ })
  await t.rejects(fetchIt({ rocky: `${upstream.url}/pub` }), {
    message: /cannot fetch http.*\.treeinfo: 404/,
  })
})
