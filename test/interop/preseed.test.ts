import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { openMedia } from '../../src/io/media.js'
import { readyMedium } from '../lab/lib/media.js'
import { PRESEEDS, preseedOf } from '../support/preseed.js'

/**
 * The preseed against what judges and knows it: debconf's own reader, the templates in the installer's initrd and in
 * Debian packages, and the example in the installer's manual. test/fixtures/preseed-keys.txt has the few keys beyond.
 */
type Line = { readonly owner: string; readonly key: string; readonly type: string; readonly value: string }

/** Comments out, continued lines joined; `#d-i …` is a line of an example too when `commented` is asked for. */
function linesOf(text: string, commented = false): Line[] {
  const joined = (commented ? text.replace(/^#(?=[a-z-]+ +[a-z])/gm, '') : text).replace(/\\\n#?/g, ' ')
  return joined.split('\n').flatMap(line => {
    const [, owner, key, type, value = ''] = /^([a-z-]+)\s+(\S+\/\S+)\s+(\S+)\s*(.*)$/.exec(line) ?? []
    return owner && key && type ? [{ owner, key, type, value }] : []
  })
}

/** Key -> types. A stanza of templates begins with its name; the type follows. */
type Known = Map<string, Set<string>>
function add(known: Known, key: string, type: string) {
  known.set(key, (known.get(key) ?? new Set()).add(type))
}
function addTemplates(known: Known, text: string) {
  for (const [, key = '', type = ''] of text.matchAll(/^Template: (\S+)\nType: (\S+)/gm))
    add(known, key, type)
}

const work = t.testdir({ debs: {} })
const run = (command: string, args: string[], cwd = work) =>
  execFileSync(command, args, { cwd, timeout: 120_000, maxBuffer: 256 << 20, stdio: 'pipe' })

/** Unpacked, not installed; apt checks the signature. */
function debianPackage(name: string): string {
  run('apt-get', ['-q', 'download', name], join(work, 'debs'))
  const file = readdirSync(join(work, 'debs')).find(f => f.startsWith(`${name}_`)) ?? ''
  return join(work, 'debs', file)
}

const elsewhere: Known = new Map()
for (const name of ['popularity-contest', 'tasksel'])
  addTemplates(elsewhere, run('dpkg-deb', ['--info', debianPackage(name), 'templates']).toString())
run('dpkg-deb', ['--extract', debianPackage('installation-guide-amd64'), work])
const example = readFileSync(join(work, 'usr/share/doc/installation-guide-amd64/example-preseed.txt.gz'))
for (const { key, type } of linesOf(gunzipSync(example).toString(), true)) add(elsewhere, key, type)
for (const line of readFileSync('test/fixtures/preseed-keys.txt', 'utf8').split('\n')) {
  const [key, type, ...source] = line.split(' ')
  if (key && type && !key.startsWith('#') && source.length) add(elsewhere, key, type)
}

for (const profile of ['debian-12', 'debian-13'])
  t.test(`the installer of ${profile}`, async t => {
    const media = openMedia(await readyMedium(profile))
    const medium = await media.current(`${profile}-amd64-installer`)
    const initrd = join(medium?.folder ?? '', 'initrd')
    const templates = run('sh', [
      '-c',
      'zcat "$0" | cpio --quiet --extract --to-stdout "var/lib/dpkg/info/*.templates"',
      initrd,
    ])
    const known: Known = new Map([...elsewhere].map(([key, types]) => [key, new Set(types)]))
    addTemplates(known, templates.toString())
    t.ok(known.has('preseed/early_command'), 'its templates were read')
    const release = profile.slice(-2)
    for (const [name, given] of PRESEEDS)
      for (const { key, type } of linesOf(preseedOf({ ...given, release }))) {
        const base = key.replace(/^apt-setup\/local\d\//, 'apt-setup/local0/')
        t.ok(known.get(base)?.has(type), `${name}: ${key} is a ${[...(known.get(base) ?? [])].join(' or ')}`)
      }
  })

for (const [name, given] of PRESEEDS)
  t.test(`debconf reads the preseed of layout ${name}`, async t => {
    const text = preseedOf(given)
    const said = execFileSync('debconf-set-selections', ['--checkonly', '--verbose'], {
      input: text,
      stdio: 'pipe',
    })
    t.equal(said.toString(), '')
    t.ok(linesOf(text).length > 40)
  })

t.test('debconf refuses what is no preseed, so the rows above say something', async t =>
  t.throws(() =>
    execFileSync('debconf-set-selections', ['--checkonly'], { input: 'd-i a/b\n', stdio: 'pipe' }),
  ),
)
