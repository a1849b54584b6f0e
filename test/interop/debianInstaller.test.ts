import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import express from 'express'
import t from 'tap'
import { fetchDebianInstaller } from '../../src/io/debianInstaller.js'
import { DEBIAN_MIRROR } from '../../src/io/mmdebstrap.js'
import { openProfiles } from '../../src/io/profiles.js'

/**
 * Debian's installer, from a mirror and from the package. The mirror of most rows is a small one that is made and signed here,
 * with a key of its own: what it lacks to the real one is Debian's key and the size. Checked by the host's own gpgv.
 */
const IMAGES = 'main/installer-amd64/current/images'
const FOLDER = 'netboot/debian-installer/amd64'

const home = t.testdir({ gnupg: {}, mirrors: {} })
const gpg = (args: string[], input = '') =>
  execFileSync('gpg', ['--homedir', join(home, 'gnupg'), '--batch', '--quiet', ...args], {
    input,
    stdio: 'pipe',
  })

/** Of an own archive: `ours` signs it, `other` does not. */
function keyring(user: string): string {
  gpg(['--passphrase', '', '--quick-generate-key', user, 'ed25519', 'sign'])
  const file = join(home, `${user}.gpg`)
  writeFileSync(file, gpg(['--export', user]))
  return file
}
const ours = keyring('ours')
const other = keyring('other')
t.teardown(() => execFileSync('gpgconf', ['--homedir', join(home, 'gnupg'), '--kill', 'all']))

const app = express().use(express.static(join(home, 'mirrors')))
const server = createServer(app)
await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
t.teardown(() => server.close())
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

type Flaw = {
  linux?: string
  sums?: string
  release?: string
  codename?: string
  lists?: string
  unlisted?: true
}

const sum = (text: string) => createHash('sha256').update(text).digest('hex')

/** A mirror whose files say what they should not, after the sums were taken. */
function mirror(name: string, kernel: string, flaw: Flaw = {}): string {
  const dist = join(home, 'mirrors', name, 'dists/bookworm')
  const images = join(dist, IMAGES)
  mkdirSync(join(images, FOLDER), { recursive: true })
  writeFileSync(join(images, FOLDER, 'linux'), flaw.linux ?? kernel)
  writeFileSync(join(images, FOLDER, 'initrd.gz'), 'an initrd')
  const files = flaw.unlisted ? '' : `${sum(kernel)}  ./${FOLDER}/linux\n`
  const sums = `${sum('gtk')}  ./netboot/gtk/linux\n${files}${sum('an initrd')}  ./${FOLDER}/initrd.gz\n`
  writeFileSync(join(images, 'SHA256SUMS'), `${sums}${flaw.sums ?? ''}`)
  const listed = flaw.lists ?? `${IMAGES}/SHA256SUMS`
  const release = `Codename: ${flaw.codename ?? 'bookworm'}\nMD5Sum:\n ${'0'.repeat(64)} 1 ${listed}\nSHA256:\n ${sum(sums)} ${sums.length} ${listed}\n`
  const signed = gpg(['--local-user', 'ours', '--clearsign'], release).toString()
  writeFileSync(join(dist, 'InRelease'), flaw.release ? signed.replace('SHA256:', flaw.release) : signed)
  return `${url}/${name}`
}

const profile = (await openProfiles({ folder: join(home, 'none') }).find('debian-12'))?.profile
if (!profile) throw new Error('the profile debian-12 is broken')

/** `kernel` 6.1.0-1 in the place where Linux has its version. */
function linux(version: string): string {
  const image = Buffer.alloc(0x10_300)
  image.write('HdrS', 0x202)
  image.writeUInt16LE(0x100, 0x20e)
  image.write(`${version} (x@y) #1`, 0x300)
  return image.toString('latin1')
}

let clock = Date.UTC(2026, 0, 1)
const fetchFrom = (stateDir: string, from: string, o: { keyring?: string; force?: boolean } = {}) => {
  clock += 1000
  const given = { keyring: ours, ...o }
  return fetchDebianInstaller({
    stateDir,
    profile,
    mirrors: { debian: from },
    now: new Date(clock),
    onProgress() {},
    ...given,
  })
}

t.test('from a mirror', async t => {
  const stateDir = join(t.testdir(), 'state')
  const first = await fetchFrom(stateDir, mirror('good', linux('6.1.0-1')))
  t.match(first, {
    built: true,
    from: 'mirror',
    medium: { manifest: { kernel: '6.1.0-1', kind: 'preseed' } },
  })
  t.equal(first.medium.manifest.medium, 'debian-12-amd64-installer')
  t.equal(readFileSync(join(first.medium.folder, 'vmlinuz'), 'latin1'), linux('6.1.0-1'))
  t.equal(readFileSync(join(first.medium.folder, 'initrd'), 'utf8'), 'an initrd')

  const again = await fetchFrom(stateDir, `${url}/good`)
  t.match(again, { built: false, medium: { build: first.medium.build } }, 'nothing newer: nothing is fetched')
  t.match(await fetchFrom(stateDir, `${url}/good`, { force: true }), { built: true })
  const newer = await fetchFrom(stateDir, mirror('good', linux('6.1.0-2')))
  t.match(newer, { built: true, medium: { manifest: { kernel: '6.1.0-2' } } })

  const away = await fetchFrom(stateDir, `${url}/absent`)
  t.match(
    away,
    { built: false, medium: { build: newer.medium.build }, why: /InRelease: 404/ },
    'the one before stays',
  )
  t.same(readdirSync(stateDir), ['media'], 'nothing is left behind')
})

for (const [name, flaw, message, using] of [
  ['signed by another key', {}, /has no good signature/, other],
  ['changed after it was signed', { release: 'SHA257:' }, /has no good signature/, ours],
  ['of another suite', { codename: 'trixie' }, /is of trixie, not of bookworm/, ours],
  ['without the installer', { lists: 'main/x' }, /does not list main\/installer-amd64/, ours],
  ['with another list than was signed', { sums: '\n' }, /SHA256SUMS is not what was signed/, ours],
  ['whose list lacks a file', { unlisted: true }, /does not list netboot\/.*linux/, ours],
] as const)
  t.test(`a mirror ${name}`, async t => {
    const stateDir = join(t.testdir(), 'state')
    const from = mirror(name.replaceAll(' ', '-'), 'a kernel', flaw)
    await t.rejects(fetchFrom(stateDir, from, { keyring: using }), { message })
    t.throws(() => readdirSync(stateDir), 'nothing was written')
  })

t.test('a file that is not what was signed, and no package to take it from', async t => {
  const stateDir = join(t.testdir(), 'state')
  await t.rejects(
    fetchFrom(stateDir, mirror('changed', 'a kernel', { linux: 'an evil kernel' })),
    /mmdebstrap/,
  )
  t.same(readdirSync(stateDir), ['media'])
})

t.test("from Debian's own package, where the mirror carries no installer", async t => {
  const stateDir = join(t.testdir(), 'state')
  const got = await fetchDebianInstaller({
    ...{ stateDir, profile, mirrors: { debian: DEBIAN_MIRROR }, now: new Date(clock), onProgress() {} },
  })
  t.match(got, {
    built: true,
    medium: { manifest: { kernel: /^6\.1\./, files: { vmlinuz: {}, initrd: {} } } },
  })
  t.ok(got.medium.manifest.files.initrd?.size, `${got.from}: ${got.why}`)
})
