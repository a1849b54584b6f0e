import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readAuthorizedKeys } from '../../src/io/authorizedKeys.js'
import { nameServerIn } from '../../src/io/nameServer.js'
import { openSshKey } from '../../src/io/sshKey.js'

t.test('the key is made once, for its owner alone', async t => {
  const stateDir = t.testdir()
  const made = await openSshKey(stateDir)
  const path = join(stateDir, 'ssh', 'id_ed25519')
  t.match(made.private, /^-----BEGIN OPENSSH PRIVATE KEY-----\n/)
  t.match(made.public, /^ssh-ed25519 AAAA\S+ muster$/)
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.same(readdirSync(join(stateDir, 'ssh')).sort(), ['id_ed25519', 'id_ed25519.pub'])
  t.same(await openSshKey(stateDir), made)
})

t.test('what is no key is refused, with what to do', async t => {
  const stateDir = t.testdir()
  mkdirSync(join(stateDir, 'ssh'))
  writeFileSync(join(stateDir, 'ssh', 'id_ed25519'), 'x')
  const error = await openSshKey(stateDir).catch((cause: unknown) => cause)
  t.match(error, { message: /cannot open the SSH key/, cause: { message: /remove it/ } })
})

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3rq1pm9Yp0000000000000000000000000000000000'
for (const [name, text, want] of [
  ['one', `${KEY} ada@desk\n`, [`${KEY} ada@desk`]],
  ['with options', `no-pty,command="x y" ${KEY}\n`, [`no-pty,command="x y" ${KEY}`]],
  ['blank lines, comments, Windows line ends', `\n# ${KEY}\n  ${KEY} a\r\n`, [`${KEY} a`]],
  ['twice', `${KEY}\n${KEY}\n`, [KEY]],
  ['none', '', []],
  ['a private key', `${KEY}\n-----BEGIN OPENSSH PRIVATE KEY-----\n`, /:2: is no public SSH key/],
  ['a word', 'hello\n', /:1: is no public SSH key/],
] as const)
  t.test(`the owner's keys: ${name}`, async t => {
    const path = join(t.testdir(), 'authorized_keys')
    writeFileSync(path, text)
    if (want instanceof RegExp) t.match(await readAuthorizedKeys(path), { refused: 'conflict', why: want })
    else t.same(await readAuthorizedKeys(path), want)
  })

t.test("the owner's keys: a folder in the file's place", async t =>
  t.match(await readAuthorizedKeys(t.testdir()), { refused: 'conflict', why: /cannot read.*EISDIR/ }),
)

t.test("the owner's keys: no file", async t =>
  t.same(await readAuthorizedKeys(join(t.testdir(), 'absent')), []),
)

for (const [name, text, want] of [
  ['the first', 'search x\nnameserver 192.168.1.1\nnameserver 192.168.1.2\n', '192.168.1.1'],
  ['not of loopback', 'nameserver 127.0.0.53\nnameserver 9.9.9.9\n', '9.9.9.9'],
  ['not of IPv6', 'nameserver fe80::1%eth0\n', undefined],
  ['not in a comment', '# nameserver 9.9.9.9\n', undefined],
] as const)
  t.test(`name server: ${name}`, async t => t.equal(nameServerIn(text), want))
