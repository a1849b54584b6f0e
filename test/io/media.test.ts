import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openMedia, publishMedium } from '../../src/io/media.js'

const at = (second: number) => new Date(Date.UTC(2026, 0, 2, 3, 4, second))

const publish = (stateDir: string, second: number, text = `build ${second}`) =>
  publishMedium({
    ...{ stateDir, medium: 'debian-12-image', profile: 'debian-12-image', kind: 'image', inputs: 'abc' },
    builtAt: at(second),
    async fill(folder) {
      writeFileSync(join(folder, 'root.tar.zst'), text, { mode: 0o600 })
      return { kernel: '6.1.0-9-amd64', packages: { curl: '8.1' } }
    },
  })

t.test('what is published is current, and read as it was written', async t => {
  const stateDir = t.testdir({})
  const media = openMedia(stateDir)
  t.same(await media.list(), [])
  t.equal(await media.current('debian-12-image'), undefined)
  const made = await publish(stateDir, 1)
  t.match(made.build, /^20260102030401-[0-9a-f]{8}$/)
  t.match(made.manifest, {
    ...{
      medium: 'debian-12-image',
      kind: 'image',
      builtAt: '2026-01-02T03:04:01.000Z',
      kernel: '6.1.0-9-amd64',
    },
    files: {
      'root.tar.zst': {
        size: 7,
        sha256: '4ba0d1825bdde359ce65cb7a1775c82fde403b82583fa9f66d6aa9a6417729d7',
      },
    },
  })
  t.same(await media.current('debian-12-image'), made)
  t.same(await media.list(), [made])
})

t.test('any user may read it', async t => {
  const stateDir = t.testdir({})
  const { folder } = await publish(stateDir, 1)
  for (const path of [join(stateDir, 'media'), join(folder, '..'), folder])
    t.equal(statSync(path).mode & 0o777, 0o755, path)
  for (const name of readdirSync(folder)) t.equal(statSync(join(folder, name)).mode & 0o777, 0o644, name)
})

t.test('the build before stays, older ones go, with what a killed build left', async t => {
  const stateDir = t.testdir({
    media: { 'debian-12-image': { '.new-old': { half: '' }, '.new-young': { half: '' } } },
  })
  const home = join(stateDir, 'media', 'debian-12-image')
  utimesSync(join(home, '.new-old'), at(0), new Date(at(0).getTime() - 25 * 3_600_000))
  utimesSync(join(home, '.new-young'), at(0), at(0))
  const [, second, third] = [
    await publish(stateDir, 1),
    await publish(stateDir, 2),
    await publish(stateDir, 3),
  ]
  t.same(readdirSync(home).sort(), ['.new-young', second.build, third.build, 'current'].sort())
  const media = openMedia(stateDir)
  t.equal((await media.current('debian-12-image'))?.build, third.build)
  const older = await media.file('debian-12-image', second.build, 'root.tar.zst')
  t.equal(readFileSync(older?.path ?? '', 'utf8'), 'build 2')
})

t.test('a build that fails changes nothing', async t => {
  const stateDir = t.testdir({})
  const { build } = await publish(stateDir, 1)
  const failing = publishMedium({
    ...{ stateDir, medium: 'debian-12-image', profile: 'debian-12-image', kind: 'image', inputs: 'abc' },
    builtAt: at(2),
    fill: async () => Promise.reject(new Error('no room')),
  })
  await t.rejects(failing, { message: 'no room' })
  t.equal((await openMedia(stateDir).current('debian-12-image'))?.build, build)
  t.same(readdirSync(join(stateDir, 'media', 'debian-12-image')).sort(), [build, 'current'])
})

t.test('only what a manifest names is a file', async t => {
  const stateDir = t.testdir({ secret: 'x', media: { other: { secret: 'x' } } })
  const { build, folder } = await publish(stateDir, 1)
  const media = openMedia(stateDir)
  for (const [name, medium, of, file] of [
    ['another medium', 'debian-13-image', build, 'root.tar.zst'],
    ['another build', 'debian-12-image', '20250102030401-00000000', 'root.tar.zst'],
    ['the link', 'debian-12-image', 'current', 'root.tar.zst'],
    ['the manifest itself', 'debian-12-image', build, 'manifest.json'],
    ['a member of every object', 'debian-12-image', build, 'constructor'],
    ['a path', 'debian-12-image', build, '../../../secret'],
    ['a path as medium', '..', 'media', 'secret'],
    ['a path as build', 'debian-12-image', '../other', 'secret'],
  ] as const)
    t.equal(await media.file(medium, of, file), undefined, name)
  writeFileSync(join(folder, 'manifest.json'), '{')
  t.equal(await media.current('debian-12-image'), undefined, 'a damaged manifest')
})

t.test('a name that would lead elsewhere is refused', async t => {
  const stateDir = t.testdir({})
  const bad = publishMedium({
    ...{ stateDir, medium: '../x', profile: 'x', kind: 'image', inputs: '', builtAt: at(1) },
    fill: async () => ({}),
  })
  await t.rejects(bad, /cannot be the name/)
  t.notOk(existsSync(join(stateDir, 'media')))
})
