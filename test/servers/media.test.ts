import { randomBytes } from 'node:crypto'
import { symlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ask, startServices } from '../support/http.js'

const BUILD = '20260102030405-0123abcd'
const SHA = 'e'.repeat(64)

async function serving(t: Test, bytes: Buffer) {
  const folder = t.testdir()
  writeFileSync(join(folder, 'initrd'), bytes)
  symlinkSync(join(folder, 'initrd'), join(folder, 'link'))
  const names = ['initrd', 'link', 'gone']
  const mediumFile = async (medium: string, build: string, file: string) =>
    medium === 'debian' && build === BUILD && names.includes(file)
      ? { path: join(folder, file), sha256: SHA }
      : undefined
  const services = await startServices(t, { mediumFile })
  return { ...services, url: `${services.boot}/boot/media/debian/${BUILD}` }
}

t.test('a file of several buffers arrives whole', async t => {
  const bytes = randomBytes(3_000_001)
  const { url } = await serving(t, bytes)
  const res = await fetch(`${url}/initrd`)
  t.equal(res.headers.get('content-length'), '3000001')
  t.equal(res.headers.get('etag'), `"${SHA}"`)
  t.ok(Buffer.from(await res.arrayBuffer()).equals(bytes))
})

for (const [name, method, headers, status, text, length] of [
  ['HEAD', 'HEAD', {}, 200, '', '10'],
  ['a range', 'GET', { range: 'bytes=2-4' }, 206, '234', '3'],
  ['the rest', 'GET', { range: 'bytes=7-' }, 206, '789', '3'],
  ['a range behind the end', 'GET', { range: 'bytes=10-' }, 416, '', null],
  ['HEAD of a range', 'HEAD', { range: 'bytes=2-4' }, 206, '', '3'],
  ['known already', 'GET', { 'if-none-match': `"${SHA}"`, 'cache-control': 'max-age=0' }, 304, '', null],
  ['of another build', 'GET', { range: 'bytes=2-4', 'if-range': '"x"' }, 200, '0123456789', '10'],
] as const)
  t.test(name, async t => {
    const { url } = await serving(t, Buffer.from('0123456789'))
    const got = await ask(`${url}/initrd`, { method, headers })
    t.match([got.status, got.text], [status, text])
    if (length) t.equal(got.headers.get('content-length'), length)
  })

t.test('an empty file', async t => {
  const { url } = await serving(t, Buffer.alloc(0))
  const { status, text, headers } = await ask(`${url}/initrd`)
  t.match([status, text, headers.get('content-length')], [200, '', '0'])
})

t.test('what no manifest names is not there', async t => {
  const { boot, url } = await serving(t, Buffer.from('x'))
  for (const path of [`${url}/manifest.json`, `${url}/gone`, `${url}/link`, `${url}/..%2finitrd`, `${url}/`])
    t.equal((await ask(path)).status, 404, path)
  t.equal((await ask(`${boot}/boot/media/debian/current/initrd`)).status, 404)
})

t.test('a client that goes away in the middle ends its own transfer only', async t => {
  const { url, port, lines } = await serving(t, randomBytes(20_000_000))
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(`GET ${new URL(url).pathname}/initrd HTTP/1.1\r\nHost: x\r\n\r\n`)
  await new Promise(resolve => socket.once('data', resolve))
  socket.destroy()
  t.equal((await ask(`${url}/initrd`, { method: 'HEAD' })).status, 200)
  t.notMatch(lines.join(''), /"level":"error"/)
})
