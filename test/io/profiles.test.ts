import { chmodSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openProfiles, SHIPPED } from '../../src/io/profiles.js'
import { golden } from '../golden.js'

const HASH = '$y$j9T$abcdefghijklmnopqrstuv$abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG'
const KEY = `ssh-ed25519 ${'A'.repeat(68)} ann@desk`

const NEEDED = 'distribution: debian\nrelease: 12\ninstaller: image\n'

/** An owner's folder with these files, and its profiles. */
function owning(t: Test, files: Record<string, string>) {
  const folder = join(t.testdir(), 'own')
  mkdirSync(folder)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const warnings: unknown[] = []
  const log = { warn: (...words: unknown[]) => warnings.push(words) }
  return { folder, warnings, profiles: openProfiles({ folder, log }) }
}

async function problemsOf(t: Test, text: string) {
  const { folder, profiles } = owning(t, { 'x.yaml': text })
  const found = await profiles.find('x')
  return (found?.problems ?? []).map(problem => problem.replace(`${folder}/`, ''))
}

t.test('the shipped profiles', async t => {
  const { profiles } = owning(t, {})
  const files = await profiles.list()
  t.same(
    files.map(file => file.name),
    ['debian-12', 'debian-12-image', 'debian-13', 'debian-13-image', 'rocky-9'],
  )
  for (const { name, file, profile, problems } of files) {
    t.same(problems, undefined, `${name} has no problems`)
    t.equal(file, join(SHIPPED, `${name}.yaml`))
    t.equal(profile?.name, name)
  }
  golden(t, 'test/golden/profile-debian-12.json', `${JSON.stringify(files[0]?.profile, null, 2)}\n`)
})

t.test('every field', async t => {
  const { profiles } = owning(t, {
    'web.yaml': `
name: web
description: für Ännchen's "web"
distribution: debian
release: '13'
architecture: amd64
installer: preseed
template: preseed/debian.cfg.njk
mirror: own-mirror
kernelArguments: quiet console=ttyS0,115200
packages: [nginx-light, libstdc++6]
users:
  - name: ann
    fullName: Änn O'Hara
    passwordHash: ${HASH}
    sshKeys: [${KEY}]
    groups: [adm]
    sudo: true
sshKeys: [${KEY}]
rootPasswordHash: ${HASH}
timezone: America/Argentina/Buenos_Aires
locale: de_DE.UTF-8
keymap: de
disk: { pick: largest, minSize: 20GB, maxSize: 2TB, transports: [nvme], model: Samsung, removable: true }
partitioning: { layout: lvm, swap: 2G }
lateCommands:
  - |
    echo "it's $HOME" > /etc/motd
boot: kexec
deadlines: { reserved: 1h, starting: 20min, installing: 90, installed: 90s }
`,
  })
  const found = await profiles.find('web')
  t.same(found?.problems, undefined)
  t.match(found?.profile, {
    release: '13',
    mirror: 'own-mirror',
    users: [
      {
        name: 'ann',
        fullName: "Änn O'Hara",
        passwordHash: HASH,
        sshKeys: [KEY],
        groups: ['adm'],
        sudo: true,
      },
    ],
    disk: {
      pick: 'largest',
      minSize: 20e9,
      maxSize: 2e12,
      transports: ['nvme'],
      model: 'Samsung',
      removable: true,
    },
    partitioning: { layout: 'lvm', swap: 2 ** 31 },
    lateCommands: [`echo "it's $HOME" > /etc/motd\n`],
    deadlines: { reserved: 3600, starting: 1200, installing: 90, installed: 90 },
  })
})

for (const [name, text, want] of [
  ['nothing but a comment', '# x\n', ['x.yaml:1: must be a map']],
  ['a list', '- a\n', ['x.yaml:1: must be a map']],
  ['what is no YAML', `${NEEDED}packages: [a\nb: c`, [/^x\.yaml:[56]: /]],
  ['a key twice', `${NEEDED}keymap: us\nkeymap: de\n`, ['x.yaml:5: Map keys must be unique']],
  [
    'all that is missing',
    'keymap: us\n',
    [
      'x.yaml:1: distribution: is missing: it must be one of debian, rocky',
      'x.yaml:1: release: is missing: it must be a number such as 12',
      'x.yaml:1: installer: is missing: it must be one of image, preseed, kickstart',
    ],
  ],
  [
    'several at once, each at its line',
    `${NEEDED}disk:\n  pick: biggest\n\n  minSize: 8X\nkeymap: [us]\n`,
    [
      'x.yaml:8: keymap: must be a keyboard such as us or de',
      'x.yaml:5: disk.pick: must be one of smallest, largest',
      'x.yaml:7: disk.minSize: must be a size such as 8G or 1T',
    ],
  ],
  ['an unknown field', `${NEEDED}colour: red\n`, [/^x\.yaml:4: colour: there is no such field$/]],
  [
    'a slip of the pen',
    `${NEEDED}pakages: []\n`,
    [/:4: pakages: there is no such field \(did you mean packages\?\)$/],
  ],
  ['a slip in extends', `extend: debian-12\n${NEEDED}`, [/:1: extend: .*did you mean extends\?/]],
  ['a slip in a map', `${NEEDED}disk:\n  minsize: 8G\n`, [/:5: disk\.minsize: .*did you mean minSize\?/]],
  [
    'a slip in a list of maps',
    `${NEEDED}users:\n  - name: ann\n  - name: bob\n    sudoo: true\n`,
    [/:7: users\[1\]\.sudoo: .*did you mean sudo\?/],
  ],
  ['another name than the file', `name: y\n${NEEDED}`, [/:1: name: must be x, as the file is called/]],
  ['a map for text', `${NEEDED}locale: {}\n`, [/:4: locale: must be a locale/]],
  ['text for a map', `${NEEDED}disk: big\n`, [/:4: disk: must be a map/]],
  ['text for a list', `${NEEDED}packages: nginx\n`, [/:4: packages: must be a list/]],
  ['null', `${NEEDED}users:\n`, [/:4: users: must be a list/]],
  [
    'a package that is a shell',
    `${NEEDED}packages:\n  - nginx\n  - a;reboot\n`,
    [/:6: packages\[1\]: must be the name/],
  ],
  [
    'a password where a hash belongs',
    `${NEEDED}rootPasswordHash: secret\n`,
    [/:4: rootPasswordHash: must be a hash/],
  ],
  ['a private key', `${NEEDED}sshKeys:\n  - "-----BEGIN"\n`, [/:5: sshKeys\[0\]: must be a public key/]],
  ['a newline in a key', `${NEEDED}sshKeys:\n  - "${KEY}\\nx"\n`, [/:5: sshKeys\[0\]: must be a public key/]],
  ['a newline in a text', `${NEEDED}description: "a\\nb"\n`, [/:4: description: must be one line/]],
  [
    'a quote in the kernel line',
    `${NEEDED}kernelArguments: a="b"\n`,
    [/:4: kernelArguments: must be kernel arg/],
  ],
  ['a time zone that is none', `${NEEDED}timezone: Europe/Atlantis\n`, [/:4: timezone: must be a time zone/]],
  ['a locale that is not UTF-8', `${NEEDED}locale: de_DE\n`, [/:4: locale: must be a locale of UTF-8/]],
  ['root as a user', `${NEEDED}users:\n  - name: root\n`, [/:5: users\[0\]\.name: root is there anyway/]],
  ['a user twice', `${NEEDED}users:\n  - name: a\n  - name: a\n`, [/:6: users\[1\]\.name: there are two/]],
  ['an empty command', `${NEEDED}lateCommands: [' ']\n`, [/:4: lateCommands\[0\]: must be a shell command/]],
  ['an alias of nothing', `${NEEDED}keymap: *nothing\n`, [/^x\.yaml:1: Unresolved alias .*nothing$/]],
  ['sizes that contradict', `${NEEDED}disk:\n  maxSize: 1G\n`, [/:5: disk\.maxSize: must not be less/]],
  [
    'an installer of another distribution',
    'distribution: rocky\nrelease: 9\ninstaller: preseed\n',
    [
      'x.yaml:3: installer: cannot be preseed for rocky: there are debian preseed, debian image, rocky kickstart',
    ],
  ],
  [
    'a template of another installer',
    'distribution: debian\nrelease: 12\ninstaller: preseed\ntemplate: kickstart/rocky.ks.njk\n',
    [/:4: template: must be one of preseed\//],
  ],
  [
    'extends what is not there',
    'extends: debian-12-imag\n',
    [/:1: extends: there is no .* mean debian-12-image\?/],
  ],
  ['extends no name', 'extends: [a]\n', [/:1: extends: must be the name/]],
  ['extends itself', 'extends: x\n', [/:1: extends: there is no profile x/]],
] as const)
  t.test(`refused: ${name}`, async t => {
    const problems = await problemsOf(t, text)
    t.equal(problems.length, want.length, problems.join('\n'))
    for (const [n, problem] of want.entries()) t.match(problems[n], problem)
  })

t.test('extends', async t => {
  const { profiles, folder } = owning(t, {
    'web.yaml': 'extends: base\npackages: [nginx]\ndisk:\n  minSize: 20G\n',
    'base.yaml': 'extends: debian-12-image\nkeymap: de\npackages: [vim]\ndisk:\n  pick: largest\n',
    'debian-13-image.yaml': 'extends: debian-13-image\ntimezone: Europe/Berlin\n',
    'bad.yaml': 'extends: worse\nkeymap: de\n',
    'worse.yaml': 'extends: debian-12\nkeymap: 7\n',
    'a.yaml': 'extends: b\n',
    'b.yaml': 'extends: a\n',
  })
  const files = await profiles.list()
  const get = (name: string) => files.find(file => file.name === name)
  t.match(get('web'), {
    profile: {
      name: 'web',
      installer: 'image',
      keymap: 'de',
      packages: ['nginx'],
      disk: { pick: 'largest', minSize: 20e9 },
    },
  })
  t.match(get('debian-13-image'), {
    file: join(folder, 'debian-13-image.yaml'),
    profile: { release: '13', timezone: 'Europe/Berlin', users: [{ name: 'debian' }] },
  })
  t.match(get('bad')?.profile, { keymap: 'de' }, 'what it replaces need not be right')
  t.match(get('worse')?.problems, [/worse\.yaml:2: keymap: /])
  t.match(get('a')?.problems, [/b\.yaml:1: extends: a leads back to itself/])
})

t.test("an error in what is extended names the extended file's line", async t => {
  const { profiles } = owning(t, { 'a.yaml': 'extends: b\n', 'b.yaml': `${NEEDED}keymap: 7\n` })
  t.match((await profiles.find('a'))?.problems, [/own\/b\.yaml:4: keymap: /])
})

t.test('a broken file is told once, and the others work', async t => {
  const { profiles, warnings } = owning(t, { 'debian-12.yaml': 'release: x\n', 'fine.yml': NEEDED })
  t.equal((await profiles.find('fine'))?.problems, undefined)
  const broken = await profiles.find('debian-12')
  t.equal(broken?.profile, undefined, "the owner's broken file does not fall back to the shipped one")
  t.equal(broken?.problems?.length, 3)
  t.equal((await profiles.list()).length, 6)
  t.match(warnings, [[{ profile: 'debian-12' }, /broken/]])
})

t.test('changes are seen without a restart', async t => {
  const { profiles, folder } = owning(t, { 'x.yaml': NEEDED })
  const file = join(folder, 'x.yaml')
  const before = (await profiles.find('x'))?.profile
  t.equal(before?.keymap, 'us')
  t.equal((await profiles.find('x'))?.profile, before, 'an unchanged file is not read again')
  writeFileSync(file, `${NEEDED}keymap: de\n`)
  t.equal((await profiles.find('x'))?.profile?.keymap, 'de')
  writeFileSync(file, `${NEEDED}keymap: fr\n`)
  utimesSync(file, new Date(0), new Date(0)) // the same size, another time
  t.equal((await profiles.find('x'))?.profile?.keymap, 'fr')
  writeFileSync(join(folder, 'y.yaml'), NEEDED)
  t.ok(await profiles.find('y'), 'a new file')
  rmSync(file)
  t.equal(await profiles.find('x'), undefined, 'a file that is gone')
})

t.test('files that cannot be read, and others', async t => {
  const { profiles, folder } = owning(t, { 'x.yaml': NEEDED, 'notes.txt': 'x', '.hidden.yaml': 'x' })
  mkdirSync(join(folder, 'folder.yaml'))
  chmodSync(join(folder, 'x.yaml'), 0)
  const own = (await profiles.list()).filter(({ file }) => file.startsWith(folder))
  t.same(
    own.map(({ name }) => name),
    ['folder', 'x'],
  )
  t.match(own[0]?.problems, [/folder\.yaml: EISDIR/])
})

t.test('check judges a file that lies anywhere', async t => {
  const { profiles, folder } = owning(t, {})
  const file = join(folder, '..', 'new.yaml')
  writeFileSync(file, 'extends: debian-12\nlocale: x\n')
  t.match(await profiles.check(file), { name: 'new', problems: [/new\.yaml:2: locale: /] })
  t.match(await profiles.check(join(SHIPPED, 'debian-12.yaml')), { profile: { name: 'debian-12' } })
  t.match(await profiles.check(join(folder, 'none.yaml')), { problems: [/ENOENT/] })
})
