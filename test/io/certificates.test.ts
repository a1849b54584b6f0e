import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type NodeRequest, openAuthority } from '../../src/io/certificates.js'
import { granted, repeatable } from '../control/example.js'
import { openssl, requestFor } from '../support/openssl.js'

const NOW = new Date('2026-03-04T05:06:07Z')
const DAY_MS = 24 * 3600 * 1000
const later = (days: number) => new Date(NOW.getTime() + days * DAY_MS)
const epoch = (at: Date) => String(Math.floor(at.getTime() / 1000))

const open = (stateDir: string, seed = 'muster') => openAuthority(stateDir, NOW, repeatable(seed))

/** An authority and a node's signed certificate, in files that openssl reads. */
async function signed(t: Test, more: Partial<NodeRequest> = {}) {
  const dir = t.testdir()
  const authority = await open(dir)
  const request = requestFor(join(dir, 'node.key'))
  const answer = await authority.signNode({
    ...{ request, names: ['web', 'pool'], addresses: ['192.0.2.7', 'fd00::7'], now: NOW },
    ...{ random: repeatable('leaf'), ...more },
  })
  const [leaf, ca] = [join(dir, 'node.pem'), join(dir, 'ca', 'cert.pem')]
  writeFileSync(leaf, granted(answer).certificate)
  const verify = (...options: string[]) => openssl('verify', '-x509_strict', '-CAfile', ca, ...options, leaf)
  const told = (...options: string[]) => openssl('x509', '-in', leaf, '-noout', ...options)
  return { dir, leaf, ca, verify, told, view: authority.view }
}

t.test('the authority is made once, its key for its owner alone', async t => {
  const dir = t.testdir()
  const { view } = await open(dir)
  const [key, cert] = [join(dir, 'ca', 'key.pem'), join(dir, 'ca', 'cert.pem')]
  t.same(readdirSync(join(dir, 'ca')).sort(), ['cert.pem', 'key.pem'])
  t.same([statSync(join(dir, 'ca')).mode & 0o777, statSync(key).mode & 0o777], [0o700, 0o600])
  t.same((await open(dir, 'other')).view, view)
  t.match(view, {
    subject: /^O=muster, CN=muster CA [0-9a-f]{8}$/,
    notBefore: '2026-03-03T05:06:07.000Z',
    notAfter: '2036-03-04T05:06:07.000Z',
  })
  const told = openssl('x509', '-in', cert, '-noout', '-text', '-fingerprint', '-sha256')
  for (const line of [
    /CA:TRUE, pathlen:0/,
    /Key Usage: critical\s+Certificate Sign, CRL Sign\n/,
    /prime256v1/,
  ])
    t.match(told, line)
  t.ok(told.includes(`sha256 Fingerprint=${view.fingerprint}`))
  t.match(openssl('verify', '-x509_strict', '-attime', epoch(NOW), '-CAfile', cert, cert), /: OK/)
})

t.test('another authority has another name', async t => {
  const [one, other] = [await open(t.testdir(), 'one'), await open(t.testdir({ b: {} }), 'other')]
  t.not(one.view.subject, other.view.subject)
})

t.test('OpenSSL takes what was signed', async t => {
  const { verify, told } = await signed(t)
  for (const [name, ...options] of [
    ['as a server by its name', '-purpose', 'sslserver', '-verify_hostname', 'web'],
    ["by its pool's name", '-purpose', 'sslserver', '-verify_hostname', 'pool'],
    ['by its address', '-purpose', 'sslserver', '-verify_ip', '192.0.2.7'],
    ['by its IPv6 address', '-purpose', 'sslserver', '-verify_ip', 'fd00::7'],
    ['as a client', '-purpose', 'sslclient'],
  ] as const)
    t.match(verify('-attime', epoch(NOW), ...options), /: OK/, name)
  for (const [name, want, ...options] of [
    ['names that the request asked for', /hostname mismatch/i, '-verify_hostname', 'other.example'],
    ['addresses that it asked for', /IP address mismatch/i, '-verify_ip', '192.0.2.99'],
    ['a purpose that it is not for', /unsuitable certificate purpose/i, '-purpose', 'smimesign'],
  ] as const)
    t.throws(() => verify('-attime', epoch(NOW), ...options), { message: want }, name)
  t.match(
    told('-ext', 'basicConstraints,keyUsage'),
    /critical\s+CA:FALSE[\s\S]*critical\s+Digital Signature\n/,
  )
  t.match(told('-subject'), /^subject=CN = web\n/)
})

t.test('for ninety days, and for the day before', async t => {
  const { verify } = await signed(t)
  for (const [name, at, ok] of [
    ['a clock in local time', later(-0.6), true],
    ['the last day', later(89.9), true],
    ['over', later(90.1), false],
    ['long before', later(-2), false],
  ] as const)
    if (ok) t.match(verify('-attime', epoch(at)), /: OK/, name)
    else t.throws(() => verify('-attime', epoch(at)), name)
})

t.test('never longer than its authority, and not from an authority that ended', async t => {
  const { told } = await signed(t, { now: later(3600) })
  t.match(told('-enddate'), /notAfter=Mar {2}4 05:06:07 2036 GMT/)
  await t.rejects(signed(t, { now: later(3660) }), /ended at 2036-03-04T05:06:07.000Z: remove the folder/)
  await t.rejects(signed(t, { now: later(-3) }), /begins at 2026-03-03.*the clock/)
})

t.test('an authority cannot be made of a node', async t => {
  const { dir, leaf, ca } = await signed(t)
  const path = join(dir, 'second.pem')
  const request = join(dir, 'second.csr')
  writeFileSync(request, requestFor(join(dir, 'second.key')))
  openssl(
    ...['x509', '-req', '-in', request, '-CA', leaf, '-CAkey', join(dir, 'node.key'), '-CAcreateserial'],
    ...['-out', path],
  )
  t.throws(() => openssl('verify', '-attime', epoch(NOW), '-CAfile', ca, '-untrusted', leaf, path), {
    message: /invalid CA certificate/i,
  })
})

t.test('serial numbers are positive and of one length', async t => {
  for (const byte of [0x00, 0x7f, 0xff]) {
    const { told } = await signed(t, { random: bytes => Buffer.alloc(bytes, byte) })
    t.match(told('-serial'), /^serial=[4-7][0-9A-F]{31}\n$/)
  }
})

t.test('requests that are refused', async t => {
  const dir = t.testdir()
  const authority = await open(dir)
  const good = requestFor(join(dir, 'node.key'))
  const der = Buffer.from(good.replace(/-----[A-Z ]+-----/g, ''), 'base64')
  const forged = Buffer.from(der)
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1
  const base = { request: good, names: ['web'], addresses: ['192.0.2.7'] }
  const ask = (more: object) => authority.signNode({ ...base, now: NOW, random: repeatable(), ...more })
  t.match(await ask({ request: der.toString('base64') }), { certificate: /BEGIN CERT/ }, 'base64 of DER')
  for (const [name, more, why] of [
    ['a forged one', { request: forged.toString('base64') }, /not signed with its own key/],
    ['cut short', { request: der.subarray(0, 99).toString('base64') }, /is no certificate request/],
    ['words', { request: 'please' }, /is no certificate request/],
    ['nothing', { request: '' }, /is no certificate request/],
    ['a certificate', { request: authority.view.certificate }, /is no certificate request/],
    ['another curve', { request: requestFor(join(dir, 'k'), 'P-384') }, /another kind than ECDSA P-256/],
    ['too long', { request: 'A'.repeat(20_000) }, /too long/],
    ['no name', { names: [] }, /needs names/],
    ['a name that is none', { names: ['web', 'a b'] }, /not 'a b'/],
    ['an address that is none', { addresses: ['192.0.2'] }, /not '192.0.2'/],
  ] as const)
    t.match(await ask(more), { refused: 'invalid', why }, name)
})

t.test('files that do not belong together', async t => {
  const other = t.testdir({ other: {} })
  await open(join(other, 'other'), 'other')
  const otherCert = readFileSync(join(other, 'other', 'ca', 'cert.pem'), 'utf8')
  for (const [name, spoil, why] of [
    ['no key', (ca: string) => rmSync(join(ca, 'key.pem')), /has cert.pem, but no key.pem: put back/],
    ['a key that is none', (ca: string) => writeFileSync(join(ca, 'key.pem'), 'x'), /holds no private key/],
    ['a certificate that is none', (ca: string) => writeFileSync(join(ca, 'cert.pem'), ''), /no certificate/],
    ["another's certificate", (ca: string) => writeFileSync(join(ca, 'cert.pem'), otherCert), /not the cert/],
    [
      'a key of another kind',
      (ca: string) => openssl('genpkey', '-algorithm', 'ED25519', '-out', join(ca, 'key.pem')),
      /another kind than EC P-256/,
    ],
  ] as const) {
    const dir = t.testdir()
    await open(dir)
    spoil(join(dir, 'ca'))
    await t.rejects(open(dir), why, name)
  }
})

t.test('killed between the key and its certificate', async t => {
  const dir = t.testdir()
  await open(dir)
  const key = readFileSync(join(dir, 'ca', 'key.pem'), 'utf8')
  rmSync(join(dir, 'ca', 'cert.pem'))
  writeFileSync(join(dir, 'ca', `cert.pem.${process.pid}`), 'half')
  const { view } = await open(dir)
  t.equal(readFileSync(join(dir, 'ca', 'key.pem'), 'utf8'), key)
  t.equal(readFileSync(join(dir, 'ca', 'cert.pem'), 'utf8'), `${view.certificate.trim()}\n`)
  t.same(readdirSync(join(dir, 'ca')).sort(), ['cert.pem', 'key.pem'])
})
