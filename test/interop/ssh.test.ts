import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type OnNode, runOnNode } from '../../src/io/ssh.js'
import { openSshKey } from '../../src/io/sshKey.js'

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

const KEY_TYPES = ['ed25519', 'ecdsa', 'rsa'] as const

/** OpenSSH's server on a loopback port, with host keys of every type, which lets the daemon's key in. */
async function startSshd(t: Test) {
  const dir = t.testdir()
  const key = await openSshKey(dir)
  const at = (name: string) => join(dir, name)
  for (const type of KEY_TYPES)
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-f', at(type)], { stdio: 'ignore' })
  mkdirSync('/run/sshd', { recursive: true }) // its own, for the privileges that it gives away
  writeFileSync(at('authorized_keys'), `${key.public}\n`)
  const port = await freePort()
  const settings = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    ...KEY_TYPES.map(type => `HostKey ${at(type)}`),
    `AuthorizedKeysFile ${at('authorized_keys')}`,
    'StrictModes no', // the folder is in /tmp, perhaps
    'PidFile none',
    'PermitRootLogin prohibit-password',
    'LogLevel VERBOSE',
  ]
  writeFileSync(at('sshd_config'), `${settings.join('\n')}\n`)
  const log: string[] = []
  const sshd = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', at('sshd_config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  t.teardown(() => sshd.kill())
  await new Promise<void>((resolve, reject) => {
    sshd.once('exit', () => reject(new Error(log.join(''))))
    sshd.stderr.on('data', data => {
      log.push(String(data))
      if (/Server listening/.test(log.join(''))) resolve()
    })
  })
  const publicKey = (type: string) =>
    readFileSync(at(`${type}.pub`), 'utf8')
      .split(' ')
      .slice(0, 2)
      .join(' ')
  const run = (some: Partial<OnNode> = {}) =>
    runOnNode({
      ...{ address: '127.0.0.1', port, user: userInfo().username, key: key.private },
      ...{ hostKeys: KEY_TYPES.map(publicKey), command: 'echo up', end: AbortSignal.timeout(10_000) },
      ...some,
    })
  return { run, publicKey, log, otherKey: () => openSshKey(at('other')) }
}

const { run, publicKey, log, otherKey } = await startSshd(t)

for (const type of KEY_TYPES)
  t.test(`a node that is known by its ${type} key`, async t => {
    t.same(await run({ hostKeys: [publicKey(type)] }), { code: 0, stdout: 'up\n', stderr: '' })
  })

t.test('how a command ended, and what it wrote last', async t => {
  t.same(await run({ command: 'echo no >&2; exit 3' }), { code: 3, stdout: '', stderr: 'no\n' })
  const { stdout } = await run({ command: 'seq 100000; echo end' })
  t.match([stdout.length, stdout.slice(-4)], [65536, 'end\n'])
  await t.rejects(run({ command: 'kill -9 $$' }), /ended by (SIG)?KILL/)
})

t.test('another host key is refused before anything is told', async t => {
  const before = log.length
  await t.rejects(
    run({ hostKeys: [(await otherKey()).public] }),
    /shows another SSH host key than the one it was installed/,
  )
  const ours = publicKey('rsa').split(' ')[1]
  await t.rejects(run({ hostKeys: [`ssh-ed25519 ${ours}`] }), /another SSH host key/)
  t.notMatch(log.slice(before).join(''), /Accepted|Failed publickey|Postponed/)
  await t.rejects(run({ hostKeys: ['ssh-dss AAAA'] }), /no usable host key of 127.0.0.1/)
})

t.test('a key that the node does not know', async t => {
  await t.rejects(
    run({ key: (await otherKey()).private }),
    /127\.0\.0\.1 does not accept muster's SSH key for /,
  )
})

t.test('nobody, and those who keep silent', async t => {
  await t.rejects(run({ port: await freePort() }), /cannot reach 127\.0\.0\.1 over SSH: .*ECONNREFUSED/)
  const mute = createServer(socket => socket.on('error', () => {})).listen(0, '127.0.0.1')
  t.teardown(() => mute.close())
  await once(mute, 'listening')
  const { port } = mute.address() as AddressInfo
  await t.rejects(run({ port, end: AbortSignal.timeout(200) }), /did not answer in time/)
  const begun = performance.now()
  await t.rejects(run({ command: 'sleep 60', end: AbortSignal.timeout(1500) }), /did not answer in time/)
  t.ok(performance.now() - begun < 10_000)
  await t.rejects(run({ end: AbortSignal.abort() }), /no time left/)
})
