import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createInstallDocuments } from '../../src/control/installDocuments.js'
import type { InstallSurroundings } from '../../src/core/installValues.js'
import type { Profile } from '../../src/core/profile.js'
import { openTemplates } from '../../src/io/templates.js'
import { golden } from '../golden.js'
import { AROUND, INSTANCE, JOB_TOKEN, PROFILE, pretendMedia } from '../support/installJobs.js'
import { machine } from '../support/inventory.js'
import { readKickstart, wordsOf } from '../support/kickstart.js'

const ROCKY: Profile = {
  ...PROFILE,
  ...{ name: 'rocky-9', distribution: 'rocky', release: '9', mirror: 'rocky' },
  ...{ installer: 'kickstart', template: 'kickstart/rocky.ks.njk' },
}
const HASH = '$6$salt$kA/rA.3o0b'
const NASTY = [
  `it's`,
  `"double"`,
  '$HOME `id` $(id)',
  'a\\b\\',
  'Ünïcode – 漢字',
  '# no comment',
  '--lock',
  '%end',
]

async function kickstart(
  some: Partial<Profile> = {},
  around: Partial<InstallSurroundings> = {},
  disk = INSTANCE.disk,
) {
  const documents = createInstallDocuments({
    templates: openTemplates(),
    media: pretendMedia([]),
    around: async () => ({ ...AROUND, ...around }),
    installerArguments: '',
  })
  const job = {
    task: 'install',
    machine: machine(),
    profile: { ...ROCKY, ...some },
    token: JOB_TOKEN,
  } as const
  const answer = await documents.answers({ ...job, instance: { ...INSTANCE, profile: 'rocky-9', disk } })
  if (typeof answer !== 'string') throw new Error(answer.why)
  return answer
}

const hasValidator = spawnSync('ksvalidator', ['--help']).error === undefined

for (const [name, some, around] of [
  ['plain', { rootPasswordHash: HASH, kernelArguments: 'console=ttyS0 mitigations=off' }, {}],
  ['lvm', { partitioning: { layout: 'lvm', swap: 0 }, packages: ['podman', '@development'] }, {}],
  [
    'encryption-ready',
    {
      partitioning: { layout: 'encryption-ready', swap: 2 ** 31 },
      users: PROFILE.users.map(user => ({ ...user, passwordHash: HASH })),
    },
    { throughCache: false },
  ],
] as const)
  t.test(`a kickstart: ${name}`, async t => {
    const text = await kickstart(some as Partial<Profile>, around)
    t.same(readKickstart(text).problems, [])
    const kept = name === 'plain' ? text : text.slice(0, text.indexOf('%pre')) // the scripts are the same
    golden(t, `test/golden/install/rocky-${name}.ks`, kept)
    if (!hasValidator) return
    const path = join(t.testdir({}), 'ks.cfg')
    writeFileSync(path, text)
    t.equal(execFileSync('ksvalidator', ['-v', 'RHEL9', path], { encoding: 'utf8' }), '')
  })

t.test('without a mirror, Rocky is asked for one', async t => {
  const { commands, problems } = readKickstart(await kickstart({ mirror: 'none' }))
  t.same(problems, [])
  t.match(
    commands.filter(({ options }) => options.mirrorlist),
    [{ name: 'url' }, { name: 'repo' }],
  )
})

for (const text of NASTY)
  t.test(`values keep ${JSON.stringify(text)}`, async t => {
    const [user] = PROFILE.users
    const users = [
      { ...user, name: 'ada', fullName: text, groups: ['adm', 'wheel'], sshKeys: [`ssh-rsa AAAA ${text}`] },
    ]
    const disk = `/dev/disk/by-id/${text}`
    const { commands, problems } = readKickstart(
      await kickstart({ users, kernelArguments: text } as Partial<Profile>, {}, disk),
    )
    t.same(problems, [])
    const of = (name: string) => commands.filter(command => command.name === name)
    t.match(of('user'), [{ options: { gecos: text, groups: 'adm,wheel', lock: true } }])
    t.match(of('sshkey').at(-1), { options: { username: 'ada' }, operands: [`ssh-rsa AAAA ${text}`] })
    t.match(of('bootloader'), [{ options: { append: text, 'boot-drive': disk } }])
    t.match(
      [...of('ignoredisk'), ...of('clearpart')],
      [{ options: { 'only-use': disk } }, { options: { drives: disk } }],
    )
  })

t.test('a line end in a value is refused, and not repeated', async t => {
  await t.rejects(kickstart({ kernelArguments: 'quiet\nrootpw secret' }), {
    message: /^((?!secret).)*control character/s,
  })
})

t.test('every disk command names the disk that was chosen, and no other', async t => {
  const disk = '/dev/disk/by-id/nvme-x'
  for (const layout of ['plain', 'lvm', 'encryption-ready'] as const) {
    const { commands } = readKickstart(await kickstart({ partitioning: { layout, swap: 1 } }, {}, disk))
    const named = commands.flatMap(({ options }) =>
      ['only-use', 'drives', 'boot-drive', 'ondisk'].flatMap(option => options[option] ?? []),
    )
    t.ok(named.length >= 4)
    t.same([...new Set(named)], [disk])
  }
})

t.test('the scripts are shell, and hold no secret in their arguments', async t => {
  const { sections } = readKickstart(await kickstart())
  for (const { name, body, options } of sections.filter(({ name }) => /^%(pre|post|onerror)$/.test(name))) {
    const script = body.join('\n')
    t.equal(spawnSync('dash', ['-n'], { input: script, encoding: 'utf8' }).stderr, '', name)
    for (const line of body.filter(line => line.includes(JOB_TOKEN)))
      t.match(line, /^ *printf 'url = "%s"\\n' '[^']+' \|$/, 'the token goes through a pipe')
    if (name !== '%onerror' && !options.nochroot)
      t.equal(options.erroronfail, true, `${name} ends the install`)
  }
  t.same(
    sections.map(({ name }) => name),
    ['%packages', '%addon', '%pre', '%post', '%post', '%onerror'],
  )
})

t.test('%pre: an install that was called off is not gone on with', async t => {
  const pre = readKickstart(await kickstart()).sections.find(({ name }) => name === '%pre')
  const stubs = {
    'bin/curl': 'case $* in *stage=started*) printf 200 ;; *) printf 403 ;; esac',
    'bin/reboot': 'echo "reboot $*" >>../calls',
    'bin/sleep': 'echo "sleep $*" >>../calls',
  }
  const dir = t.testdir({ bin: {}, calls: '', pre: pre?.body.join('\n') ?? '' })
  for (const [path, body] of Object.entries(stubs))
    writeFileSync(join(dir, path), `#!/bin/sh\ncat >/dev/null\n${body}\n`, { mode: 0o755 })
  const script = '. ../pre; wait' // the part that goes on behind it, too
  const ran = spawnSync('dash', ['-c', script], {
    cwd: join(dir, 'bin'),
    env: { PATH: `${dir}/bin:${process.env.PATH}` },
    timeout: 30_000,
  })
  t.equal(ran.status, 0)
  t.equal(readFileSync(join(dir, 'calls'), 'utf8'), 'sleep 15\nsleep 15\nreboot -f\n')
})

const GOOD = await kickstart()
for (const [name, from, to, why] of [
  ['an unknown command', /^skipx$/m, 'skipx\nxyzzy', /knows no xyzzy/],
  ['a command that RHEL 9 dropped', /^skipx$/m, 'skipx\ninstall', /knows no install/],
  ['an unknown option', /^zerombr$/m, 'zerombr --yes', /zerombr has no option --yes/],
  ['a word too many', /^skipx$/m, 'skipx now', /skipx takes 0 to 0 operands/],
  ['a number that is none', /--size=3072/, '--size=3G', /--size cannot be "3G"/],
  ['a choice that is none', /--location=mbr/, '--location=disk', /--location cannot be "disk"/],
  ['a value that is missing', /--only-use=\S+/, '--only-use=', /--only-use cannot be ""/],
  ['both of two', /--only-use=/, '--drives=sda --only-use=', /exactly one of drives, only-use/],
  ['a required option', / --username='ada'/, '', /sshkey needs --username/],
  ['a quote without end', /^lang .*$/m, "lang 'en", /"'" has no end/],
  ['twice', /^skipx$/m, 'reboot\nskipx', /reboot comes 2 times/],
  ['a section without %end', /^%end\n\n%addon/m, '%addon', /inside of %packages/],
  ['an unknown section', /^%addon .*$/m, '%anaconda', /knows no %anaconda/],
  ['no root', /^part \/ .*$/m, '', /nothing is mounted at \//],
  ['autopart beside part', /^reqpart.*$/m, 'autopart', /exclude each other/],
  ['nothing to install from', /^url .*$/m, '', /url is missing/],
] as const)
  t.test(`the grammar refuses ${name}`, async t => {
    t.match(GOOD, from)
    t.match(readKickstart(GOOD.replace(from, () => to)).problems.join('\n'), why)
  })

for (const [line, want] of [
  [`a 'b c' "d \\" e" f\\ g # h`, ['a', 'b c', 'd " e', 'f g']],
  [`--x='it'\\''s'`, ["--x=it's"]],
  ['# all', []],
  [`'open`, `"'" has no end`],
] as const)
  t.test(`words of ${line}`, async t => t.same(wordsOf(line), want))
