import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createInstallDocuments } from '../../src/control/installDocuments.js'
import type { Job } from '../../src/control/instances.js'
import type { Profile } from '../../src/core/profile.js'
import { openTemplates } from '../../src/io/templates.js'
import { golden } from '../golden.js'
import { AROUND, INSTANCE, JOB_TOKEN, PHONE_TOKEN, PROFILE, pretendMedia } from '../support/installJobs.js'
import { machine } from '../support/inventory.js'

const documents = createInstallDocuments({
  templates: openTemplates(),
  media: pretendMedia(['debian-12-image']),
  around: async () => AROUND,
  installerArguments: '',
})
const job = (some: Partial<Profile> = {}, more: Partial<Job> = {}): Job => ({
  task: 'install',
  instance: INSTANCE,
  machine: machine(),
  profile: { ...PROFILE, ...some },
  token: JOB_TOKEN,
  ...more,
})
const finish = (some: Partial<Profile>, more: Partial<Job> = {}) =>
  documents.finish({ ...job(some, more), phoneToken: PHONE_TOKEN })

/** What no installer's language leaves alone. */
const NASTY = [
  `it's`,
  `"double"`,
  '$HOME `id` $(id) $x',
  'a\\b\\',
  'Ünïcode – 漢字',
  'two\nlines',
  '# no comment',
  '-n',
  "'; touch /tmp/owned; '",
]

/** Runs a script, and gives back the values of these variables, byte by byte. */
function variablesOf(t: Test, script: string, names: readonly string[]): string[] {
  const path = join(t.testdir(), 'script')
  const print = names.map(name => `printf '%s\\0' "$${name}"`).join('\n')
  writeFileSync(path, `set -eu\n${script}\n${print}\n`)
  return execFileSync('sh', [path], { encoding: 'utf8' }).split('\0').slice(0, -1)
}

t.test('the plan of the scout', async t =>
  golden(t, 'test/golden/install/plan.sh', String(await documents.answers(job()))),
)

for (const text of NASTY)
  t.test(`the plan keeps ${JSON.stringify(text)}`, async t => {
    const kernelArguments = text
    const instance = { ...INSTANCE, disk: `/dev/disk/by-id/${text}` }
    const plan = String(await documents.answers(job({ kernelArguments }, { instance })))
    t.same(variablesOf(t, plan, ['disk', 'kernel_arguments']), [instance.disk, text])
  })

t.test('the plan of a wipe', async t => {
  const instance = { ...INSTANCE, disk: "/dev/disk/by-id/it's", wipe: 'full' } as const
  const plan = String(await documents.answers(job({}, { task: 'wipe', instance })))
  t.same(variablesOf(t, plan, ['task', 'disk', 'mode']), ['wipe', instance.disk, 'full'])
})

t.test('an image that was not built', async t => {
  const answer = await documents.answers(job({ name: 'debian-13-image' }))
  t.match(answer, { refused: 'conflict', why: /run "muster images build debian-13-image"/ })
})

for (const [name, some, more] of [
  [
    'image',
    { lateCommands: ['systemctl disable x', 'echo "it\'s"'] },
    { userData: Buffer.from('#!/bin/sh\n') },
  ],
  ['preseed', { installer: 'preseed' }, {}],
  ['kickstart', { installer: 'kickstart', distribution: 'rocky', release: '9' }, {}],
] as const)
  t.test(`the finish script of ${name}`, async t =>
    golden(t, `test/golden/install/finish-${name}.sh`, await finish(some, more)),
  )

t.test('the finish script is shell, whatever a profile holds', async t => {
  for (const text of NASTY) {
    const user = { name: 'ada', fullName: text, passwordHash: text, sshKeys: [], groups: [text], sudo: true }
    const script = await finish({ users: [user], rootPasswordHash: text, lateCommands: [text, text] })
    const path = join(t.testdir(), 'finish')
    writeFileSync(path, script)
    for (const shell of ['sh', 'bash']) execFileSync(shell, ['-n', path])
    const [password = ''] = /^password "\$user" '(?:[^']|'\\'')*'/m.exec(script) ?? []
    t.same(variablesOf(t, `user=x\npassword() { got=$2; }\n${password}`, ['got']), [text])
  }
})

t.test('a key of two lines is refused', async t => {
  const user = { name: 'ada', fullName: '', sshKeys: ['a\nb'], groups: [], sudo: false }
  await t.rejects(finish({ users: [user] }), /control character/)
})

t.test('the token stands in no document but the URLs', async t => {
  const script = await finish({})
  t.equal(script.split(PHONE_TOKEN).length, 3)
  t.notMatch(script, JOB_TOKEN)
})
