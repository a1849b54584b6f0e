import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import t from 'tap'
import { type OnNode, openSession, runOnNode } from '../../src/io/ssh.js'
import { freePort, KEY_TYPES, startSshd } from '../support/sshd.js'

const { reach, publicKey, log, otherKey } = await startSshd(t)

const run = (some: Partial<OnNode> = {}) =>
  runOnNode({ ...reach, command: 'echo up', end: AbortSignal.timeout(10_000), ...some })

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

t.test('several commands over one connection, with input', async t => {
  const before = log.length
  const session = await openSession({ ...reach, end: AbortSignal.timeout(30_000) })
  const input = Buffer.alloc(300_000, 'abc\n')
  t.match(await session.run({ command: 'wc -c', input }), { code: 0, stdout: '300000\n' })
  t.match(await session.run({ command: 'cat', input, kept: 10 }), { stdout: 'c\nabc\nabc\n' })
  t.match(await session.run({ command: 'cat; exit 4' }), { code: 4, stdout: '' }, 'no input ends at once')
  t.equal(
    log
      .slice(before)
      .join('')
      .match(/Accepted publickey/g)?.length,
    1,
  )
  const late = t.rejects(session.run({ command: 'sleep 60' }), {
    fault: 'unreachable',
    message: /cannot reach/,
  })
  session.close()
  await late
  await t.rejects(
    session.run({ command: 'true' }),
    { fault: 'unreachable', message: /./ },
    'and no more after it',
  )
})

t.test('a connection is cut when its time ends', async t => {
  const end = new AbortController()
  const session = await openSession({ ...reach, end: end.signal })
  const cut = t.rejects(session.run({ command: 'sleep 60' }), { message: /did not answer in time/ })
  end.abort()
  await cut
})

t.test('what went wrong is told apart', async t => {
  const hostKeys = [(await otherKey()).public]
  await t.rejects(run({ hostKeys }), { fault: 'stranger', message: /another/ })
  const rsaOnly = await startSshd(t, { types: ['rsa'] })
  await t.rejects(
    run({ ...rsaOnly.reach, hostKeys }),
    { fault: 'stranger', message: /another/ },
    'another kind',
  )
  await t.rejects(run({ key: (await otherKey()).private }), {
    fault: 'unreachable',
    message: /does not accept/,
  })
})
