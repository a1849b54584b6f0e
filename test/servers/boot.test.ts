import t from 'tap'
import { parseMac } from '../../src/wire/mac.js'
import { ask, startServices } from '../support/http.js'

const QUERY =
  'mac=52-54-00-12-34-56&uuid=&manufacturer=QEMU&product=&serial=&board-serial=&memsize=1023&cores=2&platform=pcbios&buildarch=x86_64'

t.test('the first script', async t => {
  const { boot } = await startServices(t)
  const { status, text, headers } = await ask(`${boot}/boot/ipxe`)
  t.equal(status, 200)
  t.match(text, /^#!ipxe\n/)
  t.equal(headers.get('content-type'), 'text/plain; charset=utf-8')
  t.equal(headers.get('x-powered-by'), null)
})

t.test('the script of a machine', async t => {
  const { boot } = await startServices(t)
  const { status, text } = await ask(`${boot}/boot/script?${QUERY}`)
  t.equal(status, 200)
  t.match(text, /kernel http:\/\/192\.168\.1\.2:8067\/boot\/scout\/vmlinuz initrd=initrd /)
})

t.test('a machine that says it is another one', async t => {
  const owner = parseMac('02:00:00:00:00:01')
  const { boot } = await startServices(t, owner ? { owner } : {})
  const { status, text } = await ask(`${boot}/boot/script?${QUERY}`)
  t.equal(status, 403)
  t.match(text, /127\.0\.0\.1 belongs to 02:00:00:00:00:01/)
})

for (const [name, query, want] of [
  ['no MAC', 'uuid=', /^mac: /],
  ['a bad MAC', 'mac=52-54', /^mac: is not a MAC address/],
  ['two MACs', 'mac=52-54-00-12-34-56&mac=52-54-00-12-34-57', /^mac: /],
  ['a field that iPXE does not send', 'mac=52-54-00-12-34-56&state=local', /state/],
  ['bytes that are no UTF-8', 'mac=%ff%fe', /^mac: /],
] as const)
  t.test(`${name} is refused`, async t => {
    const { boot } = await startServices(t)
    const { status, text } = await ask(`${boot}/boot/script?${query}`)
    t.equal(status, 400)
    t.match(text, want)
  })

t.test('network boot programs', async t => {
  const { boot } = await startServices(t)
  const head = await ask(`${boot}/boot/files/ipxe.efi`, { method: 'HEAD' })
  t.match(
    [head.status, head.headers.get('content-length'), head.headers.get('content-type')],
    [200, '10', 'application/efi'],
  )
  t.equal((await ask(`${boot}/boot/files/ipxe.efi`)).text, 'MZ pretend')
  const gone = await ask(`${boot}/boot/files/autoexec.ipxe`)
  t.match([gone.status, gone.text], [404, 'no boot program "autoexec.ipxe"\n'])
})

t.test('a scout that is not built', async t => {
  const { boot } = await startServices(t)
  const { status, text } = await ask(`${boot}/boot/scout/initrd`)
  t.match([status, text], [404, /muster scout build/])
})

const FILE = { bytes: Buffer.from('0123456789'), etag: '"1"', modified: new Date('2026-01-01T00:00:00Z') }
for (const [name, headers, status, text, contentRange] of [
  ['the whole file', {}, 200, '0123456789', null],
  ['a range', { range: 'bytes=2-4' }, 206, '234', 'bytes 2-4/10'],
  ['a range to the end', { range: 'bytes=7-' }, 206, '789', 'bytes 7-9/10'],
  ['a range past the end', { range: 'bytes=7-99' }, 206, '789', 'bytes 7-9/10'],
  ['a suffix', { range: 'bytes=-3' }, 206, '789', 'bytes 7-9/10'],
  ['a suffix longer than the file', { range: 'bytes=-30' }, 206, '0123456789', 'bytes 0-9/10'],
  ['a range behind the end', { range: 'bytes=10-' }, 416, '', 'bytes */10'],
  ['several ranges: the whole', { range: 'bytes=0-1,4-5' }, 200, '0123456789', null],
  ['another unit: the whole', { range: 'lines=0-1' }, 200, '0123456789', null],
  ['a broken range: the whole', { range: 'bytes' }, 200, '0123456789', null],
  ['known already', { 'if-none-match': '"1"', 'cache-control': 'max-age=0' }, 304, '', null],
  ['the same version', { range: 'bytes=0-1', 'if-range': '"1"' }, 206, '01', 'bytes 0-1/10'],
  ['another version', { range: 'bytes=0-1', 'if-range': '"2"' }, 200, '0123456789', null],
] as const)
  t.test(`initrd: ${name}`, async t => {
    const { boot } = await startServices(t, { scoutFile: async () => FILE })
    const got = await ask(`${boot}/boot/scout/initrd`, { headers })
    t.match([got.status, got.text, got.headers.get('content-range')], [status, text, contentRange])
    if (status !== 304) t.equal(got.headers.get('content-length'), String(text.length))
  })

t.test('initrd: HEAD', async t => {
  const { boot } = await startServices(t, { scoutFile: async () => FILE })
  const { status, headers } = await ask(`${boot}/boot/scout/initrd`, { method: 'HEAD' })
  t.match([status, headers.get('content-length'), headers.get('accept-ranges')], [200, '10', 'bytes'])
})

t.test('what is not there', async t => {
  const { boot } = await startServices(t)
  for (const path of ['/', '/boot', '/boot/files/', '/boot/files/../api-token', '/boot/Files/ipxe.efi'])
    t.equal((await ask(boot + path)).status, 404, path)
  const broken = await ask(`${boot}/boot/files/%zz`)
  t.match([broken.status, broken.headers.get('content-type')], [400, /^text\/plain/])
  t.equal((await ask(`${boot}/healthz`)).text, 'ok\n')
})
