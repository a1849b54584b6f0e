import t from 'tap'
import { whyFailed } from '../../src/io/mmdebstrap.js'
import { wordsOf } from '../../src/io/recipe.js'
import { packagesOf, readManifest } from '../../src/io/scoutBuild.js'

t.test('a list of the recipe', async t => {
  t.same(wordsOf('# kernel\nlinux-image-amd64\n\n  curl # for images\n'), ['linux-image-amd64', 'curl'])
})

t.test('versions are read off the names of archives', async t => {
  const archives = 'curl_8.14.1-2_amd64.deb\nbusybox-static_1%3a1.37.0-6+b9_amd64.deb\nlock\npartial\n'
  t.same(packagesOf(archives), { curl: '8.14.1-2', 'busybox-static': '1:1.37.0-6+b9' })
})

for (const [name, lines, want] of [
  ['no right', ['E: unable to pick chroot mode automatically'], /needs root, or user namespaces/],
  ['no subordinate ids', ['E: invalid /etc/subuid'], /needs root, or user namespaces/],
  [
    'a mirror that cannot be reached',
    ['I: running apt-get update...', 'E: Failed to fetch http://m/InRelease', 'E: apt-get failed'],
    /^mmdebstrap failed: E: Failed to fetch http:\/\/m\/InRelease; E: apt-get failed$/,
  ],
  [
    'a hook',
    ['I: running --extract-hook', 'assemble: no such module', 'E: setup failed: E: command failed: assemble'],
    /^mmdebstrap failed: assemble: no such module; E: setup failed/,
  ],
  ['nothing', [], /said nothing/],
] as const)
  t.test(`why a build failed: ${name}`, async t => t.match(whyFailed(lines), want))

for (const [name, state] of [
  ['no scout', {}],
  ['no manifest', { scout: { vmlinuz: '' } }],
  ['half a manifest', { scout: { 'manifest.json': '{"suite":' } }],
  ['a manifest of another form', { scout: { 'manifest.json': '{"suite":"trixie"}' } }],
] as const)
  t.test(`${name} means to build`, async t => t.equal(await readManifest(t.testdir(state)), undefined))
