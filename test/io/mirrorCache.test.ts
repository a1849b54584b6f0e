import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { startMirror, startUpstream } from '../support/mirror.js'

const DEB = '/pool/a_1_all.deb'
const INDEX = '/dists/x/InRelease'
const BYTES = randomBytes(1_200_001)

const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())

t.test('a package is fetched once, also after a restart', async t => {
  const upstream = await startUpstream(t, { [DEB]: BYTES })
  const first = await startMirror(t, upstream.url)
  const miss = await first.ask(DEB)
  t.ok(miss.body.equals(BYTES))
  t.same([miss.from, miss.headers['content-length']], ['miss', String(BYTES.length)])
  await first.close()
  const again = await startMirror(t, upstream.url, { folder: first.folder })
  const hit = await again.ask(DEB)
  t.ok(hit.body.equals(BYTES))
  t.equal(hit.from, 'hit')
  t.equal(hit.headers.etag, miss.headers.etag)
  t.same(upstream.asked, [`GET ${DEB}`])
})

t.test('64 clients at once: one download, and each gets all of it while it comes', async t => {
  let more = () => {}
  const upstream = await startUpstream(t, {
    [DEB]: (_req, res) => {
      res.writeHead(200, { 'content-length': BYTES.length })
      res.write(BYTES.subarray(0, 400_000))
      more = () => res.end(BYTES.subarray(400_000))
    },
  })
  const { base, cache } = await startMirror(t, upstream.url)
  const clients = Array.from({ length: 64 }, () => fetch(`${base}/debian${DEB}`))
  const answers = await Promise.all(clients) // all have their headers before the mirror sent the rest
  const early = request(`${base}/debian${DEB}`).end()
  const [res] = await once(early, 'response')
  await once(res, 'data')
  res.on('error', () => {})
  early.destroy() // one leaves
  more()
  for (const answer of answers) t.ok(Buffer.from(await answer.arrayBuffer()).equals(BYTES))
  t.same(upstream.asked, [`GET ${DEB}`])
  t.equal(cache.counters().fetchedBytes, BYTES.length)
})

t.test('who comes alone and leaves does not end the download', async t => {
  let rest = () => {}
  const upstream = await startUpstream(t, {
    [DEB]: (_req, res) => {
      res.writeHead(200, { 'content-length': BYTES.length })
      res.write(BYTES.subarray(0, 200_000))
      rest = () => res.end(BYTES.subarray(200_000))
    },
  })
  const { base, cache, ask } = await startMirror(t, upstream.url)
  const leaving = request(`${base}/debian${DEB}`).end()
  const [res] = await once(leaving, 'response')
  res.on('error', () => {})
  leaving.destroy()
  await new Promise(resolve => res.once('close', resolve))
  rest()
  t.ok((await ask(DEB)).body.equals(BYTES))
  t.same(upstream.asked, [`GET ${DEB}`])
  await cache.close()
})

t.test('ranges: of what is kept, and of what still comes', async t => {
  const upstream = await startUpstream(t, { [DEB]: BYTES })
  const { ask } = await startMirror(t, upstream.url)
  for (const when of ['while it comes', 'kept'])
    for (const [range, status, want] of [
      ['bytes=0-9', 206, BYTES.subarray(0, 10)],
      ['bytes=1199990-', 206, BYTES.subarray(1_199_990)],
      ['bytes=-5', 206, BYTES.subarray(-5)],
      ['bytes=262140-262150', 206, BYTES.subarray(262_140, 262_151)],
      ['bytes=1200001-', 416, Buffer.alloc(0)],
    ] as const) {
      const got = await ask(DEB, { range })
      t.equal(got.status, status, `${range} ${when}`)
      t.ok(got.body.equals(want), `${range} ${when}: its bytes`)
    }
  const other = await ask(DEB, { range: 'bytes=0-9', 'if-range': '"other"' })
  t.equal(other.status, 200, 'a range of another version')
})

t.test('HEAD: of what is not there asks the mirror, of what is kept does not', async t => {
  const upstream = await startUpstream(t, { [DEB]: BYTES })
  const { ask } = await startMirror(t, upstream.url)
  const length = async () => (await ask(DEB, {}, 'HEAD')).headers['content-length']
  t.equal(await length(), String(BYTES.length))
  t.same(upstream.asked, [`HEAD ${DEB}`])
  await ask(DEB)
  t.equal(await length(), String(BYTES.length))
  t.same(upstream.asked, [`HEAD ${DEB}`, `GET ${DEB}`])
})

t.test('an index is asked for again, and replaced', async t => {
  const upstream = await startUpstream(t, { [INDEX]: 'one' })
  const { ask, time } = await startMirror(t, upstream.url)
  const look = async (headers = {}) => {
    const { body, from, status } = await ask(INDEX, headers)
    return `${status} ${from} ${body}`
  }
  t.equal(await look(), '200 miss one')
  t.equal(await look(), '200 hit one', 'it was checked this moment')
  time.now += 11_000
  t.equal(await look(), '200 revalidated one')
  t.equal(await look({ 'if-modified-since': 'Sat, 21 Nov 2026 08:00:00 GMT' }), '304 hit ')
  upstream.files[INDEX] = 'another'
  time.now += 11_000
  t.equal(await look(), '200 miss another')
  delete upstream.files[INDEX]
  time.now += 11_000
  t.match(await look(), /^404 undefined .*answered 404/)
  t.equal(upstream.asked.length, 4)
})

t.test('a mirror that is away: what we have is served, what we lack is 502', async t => {
  const upstream = await startUpstream(t, { [INDEX]: 'one', [DEB]: 'deb' })
  const { ask, time, lines } = await startMirror(t, upstream.url)
  for (const path of [INDEX, DEB]) await ask(path)
  await upstream.stop()
  time.now += 11_000
  t.equal((await ask(INDEX)).from, 'stale')
  t.match(lines.join(''), /its older file is served/)
  t.equal((await ask(DEB)).from, 'hit')
  const absent = await ask('/pool/b.deb')
  t.equal(absent.status, 502)
  t.match(absent.body.toString(), /cannot be reached/)
  await upstream.start()
  time.now += 31_000
  t.equal((await ask(INDEX)).from, 'revalidated')
})

for (const [name, status, want] of [
  ['not found', 404, 404],
  ['forbidden', 403, 403],
  ['too many requests', 429, 429],
  ['a fault of the mirror', 500, 502],
  ['a mirror that is overloaded', 503, 502],
  ['a part that nobody asked for', 206, 502],
] as const)
  t.test(`${name}: ${want}, and asked again the next time`, async t => {
    const upstream = await startUpstream(t, { [DEB]: (_req, res) => void res.writeHead(status).end('page') })
    const { ask, folder } = await startMirror(t, upstream.url)
    for (let i = 0; i < 2; i++) t.equal((await ask(DEB)).status, want)
    t.equal(upstream.asked.length, 2)
    t.same(filesIn(folder), [])
  })

t.test('an index whose mirror answers 500 is served stale', async t => {
  const upstream = await startUpstream(t, { [INDEX]: 'one' })
  const { ask, time } = await startMirror(t, upstream.url)
  await ask(INDEX)
  upstream.files[INDEX] = (_req, res) => void res.writeHead(500).end()
  time.now += 11_000
  const got = await ask(INDEX)
  t.same([got.status, got.from, got.body.toString()], [200, 'stale', 'one'])
})

t.test('a mirror that says nothing: 504', async t => {
  const upstream = await startUpstream(t, { [DEB]: () => {} })
  const { ask } = await startMirror(t, upstream.url, { silence: 100 })
  t.equal((await ask(DEB)).status, 504)
})

for (const [name, silence, cut] of [
  ['is cut in the middle', 10_000, true],
  ['falls silent in the middle', 100, false],
] as const)
  t.test(`a download that ${name} is no file`, async t => {
    const upstream = await startUpstream(t, {
      [DEB]: (_req, res) => {
        res.writeHead(200, { 'content-length': BYTES.length })
        res.write(BYTES.subarray(0, 400_000), () => cut && res.destroy())
      },
    })
    const { ask, folder } = await startMirror(t, upstream.url, { silence })
    await t.rejects(ask(DEB), 'the client sees that it is not whole')
    upstream.files[DEB] = BYTES
    t.ok((await ask(DEB)).body.equals(BYTES))
    t.equal(filesIn(folder).length, 1)
  })

t.test('a file without a length is kept when its end was told', async t => {
  const upstream = await startUpstream(t, {
    [DEB]: (_req, res) => void res.write('chunked', () => res.end()),
  })
  const { ask } = await startMirror(t, upstream.url)
  t.equal((await ask(DEB)).body.toString(), 'chunked')
  t.equal((await ask(DEB)).from, 'hit')
})

t.test('redirects', async t => {
  const to = (location: string) => (_req: unknown, res: import('node:http').ServerResponse) =>
    void res.writeHead(302, { location }).end()
  const upstream = await startUpstream(t, {
    [DEB]: BYTES,
    '/pool/near.deb': to(DEB),
    '/pool/loop.deb': to('/pool/loop.deb'),
    '/pool/file.deb': to('file:///etc/passwd'),
    '/pool/none.deb': to('http://['),
  })
  const { ask } = await startMirror(t, upstream.url)
  t.ok((await ask('/pool/near.deb')).body.equals(BYTES))
  for (const name of ['loop', 'file', 'none']) t.equal((await ask(`/pool/${name}.deb`)).status, 502, name)
})

t.test('the oldest goes when the limit is reached', async t => {
  const names = ['a', 'b', 'c'].map(name => `/pool/${name}.deb`)
  const upstream = await startUpstream(t, Object.fromEntries(names.map(name => [name, 'x'.repeat(1000)])))
  const { ask, settled, cache, time } = await startMirror(t, upstream.url, { limit: 2500 })
  const [a = '', b = '', c = ''] = names
  for (const url of [a, b, a, c]) {
    await ask(url)
    time.now += 1000
  }
  t.equal((await ask(a)).from, 'hit', 'used after b')
  t.equal((await ask(b)).from, 'miss')
  await settled()
  const { files, bytes, evicted } = cache.counters()
  t.same([files, bytes, evicted], [2, 2000, 2])
})

for (const [name, some] of [
  ['larger than the cache', { limit: 1000 }],
  ['a cache of no size', { limit: 0 }],
  ['a disk that is full', { leaveFree: Number.MAX_SAFE_INTEGER }],
] as const)
  t.test(`${name}: passed through`, async t => {
    const upstream = await startUpstream(t, { [DEB]: BYTES })
    const { ask, folder } = await startMirror(t, upstream.url, some)
    t.ok((await ask(DEB)).body.equals(BYTES))
    const part = await ask(DEB, { range: 'bytes=1199990-' })
    t.same([part.status, part.body.equals(BYTES.subarray(1_199_990))], [206, true])
    t.same(filesIn(folder), [])
  })

t.test('what a kill left behind is swept, what is damaged is fetched anew', async t => {
  const upstream = await startUpstream(t, { [DEB]: BYTES })
  const folder = t.testdir({})
  await mkdir(join(folder, 'drafts'))
  writeFileSync(join(folder, 'drafts', '0'), 'half')
  const first = await startMirror(t, upstream.url, { folder })
  await first.ask(DEB)
  await first.close()
  const [file] = filesIn(folder)
  t.equal(filesIn(folder).length, 1)
  truncateSync(join(file?.parentPath ?? '', file?.name ?? ''), 5000)
  const second = await startMirror(t, upstream.url, { folder })
  const got = await second.ask(DEB)
  t.same([got.from, got.body.equals(BYTES)], ['miss', true])
})

t.test('a client that cannot use what it got has it fetched anew', async t => {
  const upstream = await startUpstream(t, { [DEB]: 'bad' })
  const { ask } = await startMirror(t, upstream.url)
  await ask(DEB)
  upstream.files[DEB] = 'good'
  t.equal((await ask(DEB)).body.toString(), 'bad')
  t.equal((await ask(DEB, { 'cache-control': 'no-cache' })).body.toString(), 'good')
  t.equal((await ask(DEB)).body.toString(), 'good')
})
