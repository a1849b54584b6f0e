import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { createInstallDocuments } from '../../src/control/installDocuments.js'
import type { Profile, ProfileUser } from '../../src/core/profile.js'
import { openTemplates } from '../../src/io/templates.js'
import { AROUND, INSTANCE, JOB_TOKEN, PHONE_TOKEN, PROFILE, pretendMedia } from '../support/installJobs.js'
import { machine } from '../support/inventory.js'

/** Root's part of a new system's /etc, as Debian has it before anybody was added. */
const ETC = {
  passwd: 'root:x:0:0:root:/root:/bin/sh\n',
  group: 'root:x:0:\nadm:x:4:\n',
  shadow: 'root:*:19000:0:99999:7:::\n',
  gshadow: 'root:*::\nadm:*::\n',
  hosts: '127.0.1.1 image\n',
  'machine-id': 'feedfeedfeedfeedfeedfeedfeedfeed\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nshadow: files\n',
}

/** A folder that the finish script can take for a system, with the programs of this host. */
function newSystem(t: Test): string {
  const root = t.testdir({
    etc: ETC,
    root: {},
    home: {},
    proc: {},
    dev: {},
    tmp: {},
    usr: {},
    var: { lib: {} },
  })
  for (const folder of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${folder}`, join(root, folder))
  for (const known of ['login.defs', 'pam.d', 'security'])
    cpSync(join('/etc', known), join(root, 'etc', known), { recursive: true, dereference: true })
  mkdirSync(join(root, 'etc/ssh'))
  mkdirSync(join(root, 'local'))
  return root
}

/** In a mount namespace of its own, so that nothing stays mounted. /usr/local is the folder's own. */
const ENTER = `set -e
mount --make-rprivate /
mount --rbind /usr "$1/usr"
mount -o remount,bind,ro "$1/usr"
mount --bind "$1/local" "$1/usr/local"
mount --rbind /dev "$1/dev"
mount --rbind /proc "$1/proc"
exec chroot "$1" /bin/sh -c "$2"`

const enter = (root: string, command: string) =>
  promisify(execFile)('unshare', ['--mount', 'sh', '-c', ENTER, 'enter', root, command], { timeout: 60_000 })

const user = (some: Partial<ProfileUser> & { name: string }): ProfileUser => ({
  ...{ fullName: '', sshKeys: [], groups: [], sudo: false },
  ...some,
})

async function finished(
  t: Test,
  some: Partial<Profile>,
  more: { userData?: string; url?: string; files?: Record<string, string> } = {},
) {
  const { userData = '', url = AROUND.url, files = {} } = more
  const documents = createInstallDocuments({
    templates: openTemplates(),
    media: pretendMedia([]),
    around: async () => ({ ...AROUND, url }),
    installerArguments: '',
  })
  const profile = { ...PROFILE, timezone: 'Etc/UTC', locale: 'C.UTF-8', ...some }
  const script = await documents.finish({
    ...{ task: 'install', instance: INSTANCE, machine: machine(), profile, token: JOB_TOKEN },
    ...{ phoneToken: PHONE_TOKEN, userData: Buffer.from(userData) },
  })
  const root = newSystem(t)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  writeFileSync(join(root, 'finish'), script)
  await enter(root, 'sh /finish')
  const read = (path: string) => readFileSync(join(root, path), 'utf8')
  const mode = (path: string) => statSync(join(root, path)).mode & 0o7777
  const lineOf = (path: string, name: string) =>
    read(path)
      .split('\n')
      .find(line => line.startsWith(`${name}:`))
      ?.split(':')
  return { root, read, mode, lineOf }
}

const HASH = '$6$salt$Q/.8&`id`$x'
const USER_DATA = `#!/bin/sh\necho "it's" $HOME \\ \`id\`\nMUSTER_END\n`
const KEY = `command="echo 'x' $HOME" ssh-ed25519 AAAAC3Nza ada's`

t.test('users, keys and passwords, with everything that a shell would take for its own', async t => {
  const ada = user({
    ...{ name: 'ada', fullName: `Ünï 'quoted' "double" $HOME \`id\``, passwordHash: HASH },
    ...{ sshKeys: [KEY], groups: ['adm', 'wheelers'], sudo: true },
  })
  const { root, read, mode, lineOf } = await finished(t, {
    users: [ada, user({ name: 'bob' })],
    lateCommands: [`printf %s "it's $HOME" >/late`],
  })
  t.equal(lineOf('etc/passwd', 'ada')?.[4], ada.fullName)
  t.equal(lineOf('etc/shadow', 'ada')?.[1], HASH)
  t.equal(lineOf('etc/shadow', 'bob')?.[1], '*')
  t.equal(lineOf('etc/shadow', 'root')?.[1], '*')
  t.match([lineOf('etc/group', 'adm')?.[3], lineOf('etc/group', 'wheelers')?.[3]], ['ada', 'ada'])
  t.equal(read('etc/sudoers.d/90-muster'), 'ada ALL=(ALL:ALL) NOPASSWD: ALL\n')
  t.equal(mode('etc/sudoers.d/90-muster'), 0o440)
  t.equal(read('home/ada/.ssh/authorized_keys'), `${AROUND.ownerKeys[0]}\n${KEY}\n`)
  t.match([mode('home/ada/.ssh'), mode('home/ada/.ssh/authorized_keys')], [0o700, 0o600])
  t.equal(statSync(join(root, 'home/ada/.ssh/authorized_keys')).uid, Number(lineOf('etc/passwd', 'ada')?.[2]))
  t.equal(read('root/.ssh/authorized_keys'), `${AROUND.rootKey}\n`)
  t.equal(read('late'), "it's /root")
})

t.test('a name, an identity and user data of its own, also when it runs twice', async t => {
  const { root, read, mode } = await finished(
    t,
    { users: [user({ name: 'ada', sudo: true })] },
    { userData: USER_DATA },
  )
  const first = read('etc/machine-id')
  await enter(root, 'sh /finish')
  t.match(read('etc/machine-id'), /^[0-9a-f]{32}\n$/)
  t.not(first, ETC['machine-id'])
  t.equal(read('etc/hostname'), 'oak-1\n')
  t.match(read('etc/hosts'), /^127\.0\.1\.1 oak-1$/m)
  t.match(read('etc/ssh/ssh_host_ed25519_key.pub'), /^ssh-ed25519 AAAA/)
  t.equal(read('var/lib/cloud/seed/nocloud/user-data'), USER_DATA)
  t.equal(mode('var/lib/cloud/seed/nocloud/user-data'), 0o600)
  t.equal(mode('etc/muster/phone-home'), 0o600)
  t.equal(read('etc/sudoers.d/90-muster'), 'ada ALL=(ALL:ALL) NOPASSWD: ALL\n')
  t.throws(() => read('etc/cloud/cloud-init.disabled'), { code: 'ENOENT' })
})

const ROCKY_REPO = `[baseos]
mirrorlist=https://mirrors.rockylinux.org/mirrorlist?arch=$basearch&repo=BaseOS-$releasever$rltype
#baseurl=http://dl.rockylinux.org/$contentdir/$releasever/BaseOS/$basearch/os/
`

t.test("Rocky's packages come through the cache", async t => {
  const { read } = await finished(
    t,
    { installer: 'kickstart', distribution: 'rocky', release: '9', mirror: 'rocky' },
    { files: { 'etc/yum.repos.d/rocky.repo': ROCKY_REPO } },
  )
  const [, list, base] = read('etc/yum.repos.d/rocky.repo').split('\n')
  t.match(list, /^#mirrorlist=/)
  t.equal(base, `baseurl=${AROUND.url}/mirror/rocky/$releasever/BaseOS/$basearch/os/`)
  t.equal(read('etc/machine-id'), ETC['machine-id'], 'the installer made it')
})

t.test('a late command that fails fails the install, and says which', async t => {
  const error = await finished(t, { lateCommands: ['true', 'false'] }).catch((cause: unknown) => cause)
  t.match(error, { stderr: /finish: late command 2 failed/ })
})

/** What the node hears, one after the other; 0: the connection is closed. */
async function daemonThatAnswers(t: Test, statuses: number[]) {
  const heard: { url: string | undefined; body: string }[] = []
  const server = createServer(async (req, res) => {
    let body = ''
    for await (const chunk of req) body += chunk
    const status = statuses.shift() ?? 200
    if (status === 0) return void res.destroy()
    heard.push({ url: req.url, body })
    res.writeHead(status).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, heard }
}

t.test('the call home, tried until it is heard', async t => {
  const { url, heard } = await daemonThatAnswers(t, [0, 503])
  const { root, read } = await finished(t, {}, { url })
  await enter(root, '/usr/local/sbin/muster-phone-home')
  const [, call, log] = heard
  const keys = ['ecdsa', 'ed25519'].map(type =>
    read(`etc/ssh/ssh_host_${type}_key.pub`).split(' ').slice(0, 2).join(' '),
  )
  t.equal(call?.url, `/install/v1/${PHONE_TOKEN}/phone-home`)
  const told = JSON.parse(call?.body ?? '')
  t.match(told.hostName, /^[a-zA-Z0-9.-]+$/)
  t.same(told.hostKeys.toSorted(), keys.toSorted())
  t.equal(log?.url, `/install/v1/${PHONE_TOKEN}/log`)
  for (const file of ['phone-home', 'phone-log'])
    t.throws(() => read(`etc/muster/${file}`), { code: 'ENOENT' }, 'the token is gone')
})

t.test('a call home that is refused is not tried again', async t => {
  const { url, heard } = await daemonThatAnswers(t, [403])
  const { root, read } = await finished(t, {}, { url })
  const error = await enter(root, '/usr/local/sbin/muster-phone-home').catch((cause: unknown) => cause)
  t.match(error, { code: 1, stderr: /does not expect this system \(403\)/ })
  t.equal(heard.length, 1)
  t.match(read('etc/muster/phone-home'), PHONE_TOKEN)
})
