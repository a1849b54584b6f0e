import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'

/** The scout's scripts of an install, with the host's own tools; what would touch the machine is replaced by stubs. */

t.jobs = 8
const SCRIPTS = new URL('../../scout/root/usr/lib/scout/', import.meta.url).pathname
const TOKEN = '0123456789abcdef0123456789abcdef'

type Handler = (req: IncomingMessage, body: string, res: ServerResponse) => void

type Bench = {
  job: string // the job's folder
  requests: string[] // method, path and body
  /** Runs a line of shell that may use the functions of `job`. */
  run(script: string, more?: Record<string, string>): Promise<{ code: number; out: string; err: string }>
}

async function bench(t: Test, handle: Handler): Promise<Bench> {
  const folder = t.testdir({ bin: {}, job: { token: TOKEN, title: 'install' } })
  const requests: string[] = []
  const server = createServer(async (req, res) => {
    let body = ''
    for await (const chunk of req) body += chunk
    requests.push(`${req.method} ${req.url} ${body}`.trim())
    handle(req, body, res)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close().closeAllConnections())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const stubs = {
    argument: `echo ${url}`,
    screen: ':',
    reboot: `echo rebooted >>${folder}/rebooted`,
    'release-disk': `echo released >>${folder}/released`,
    wipefs: `echo "$@" >>${folder}/wiped`,
  }
  for (const [name, script] of Object.entries(stubs))
    writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  const job = join(folder, 'job')
  const env = {
    JOB: job,
    PATH: `${folder}/bin:${SCRIPTS}:/usr/sbin:/usr/bin:/sbin:/bin`,
    URL: url,
    LC_ALL: 'C',
  }
  const run: Bench['run'] = (script, more = {}) =>
    new Promise(resolve => {
      const line = `cd "$JOB"; PATIENCE=\${PATIENCE:-2}; set -- ; . "${SCRIPTS}job"; ${script}`
      execFile(
        'sh',
        ['-c', line, `${SCRIPTS}x`],
        { env: { ...env, ...more }, timeout: 20_000 },
        (fault, out, err) => resolve({ code: Number(fault?.code ?? 0), out, err }),
      )
    })
  return { job, requests, run }
}

const status = (...codes: number[]): Handler => {
  let n = 0
  return (_, __, res) => void res.writeHead(codes[Math.min(n++, codes.length - 1)] ?? 200).end('{}')
}

for (const [name, codes, want, calls] of [
  ['permission', [200], 0, 1],
  ['a refusal', [403], 1, 1],
  ['a daemon that is back soon', [503, 200], 0, 2],
  ['a daemon that stays away', [503], 2, 3],
] as const)
  t.test(`started: ${name}`, async t => {
    const { run, requests } = await bench(t, status(...codes))
    t.equal((await run('report started')).code, want)
    t.ok(requests.length <= calls, `${requests.length} calls`)
    t.equal(requests[0], `POST /install/v1/${TOKEN}/report stage=started`)
  })

t.test('a reason arrives as it is, and the token is in no argument', async t => {
  const { run, requests } = await bench(t, status(200))
  await run('report failed "reason=a & b=c; 100 %"')
  const sent = new URLSearchParams(requests[0]?.split(' ')[2])
  t.same(Object.fromEntries(sent), { stage: 'failed', reason: 'a & b=c; 100 %' })
})

t.test('the log is sent once, in pieces', async t => {
  const { run, requests, job } = await bench(t, status(200))
  const text = 'x'.repeat(59_999).concat('\n', 'y'.repeat(10), '\n')
  writeFileSync(join(job, 'log'), text)
  await run('send_log; send_log; echo more >>log; send_log')
  const bodies = requests.map(request => request.slice(`POST /install/v1/${TOKEN}/log `.length))
  t.same(
    bodies.map(body => body.length),
    [59_999, 10, 4],
  )
})

/** Serves these bytes with Range; the first answers end after so many bytes. */
function serving(bytes: Buffer, breaks: number[] = []): Handler {
  return (req, _, res) => {
    if (req.url !== '/image') return void res.writeHead(200).end('{}')
    const start = Number(/bytes=(\d+)-/.exec(req.headers.range ?? '')?.[1] ?? 0)
    const rest = bytes.subarray(start)
    const range = start ? { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {}
    res.writeHead(start ? 206 : 200, { 'content-length': rest.length, ...range })
    const end = breaks.shift()
    if (end === undefined) return void res.end(rest)
    res.write(rest.subarray(0, end), () => res.destroy())
  }
}

const noise = (length: number) => Buffer.from(Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 255))

t.test('an image whose connection breaks is taken up where it broke', async t => {
  const bytes = noise(300_000)
  const { run, job, requests } = await bench(t, serving(bytes, [100_000, 50_000]))
  const { code, err } = await run(`fetch "$URL/image" ${bytes.length} >got`)
  t.equal(code, 0, err)
  t.ok(readFileSync(join(job, 'got')).equals(bytes), 'byte by byte')
  t.equal(requests.length, 3)
})

for (const [name, handle] of [
  ['is not there', status(404)],
  ['is shorter than the plan says', serving(noise(10))],
] as const)
  t.test(`an image that ${name} is given up`, async t => {
    const { run } = await bench(t, handle)
    t.equal((await run('fetch "$URL/image" 300000 >got', { PATIENCE: '1' })).code, 1)
  })

async function packed(t: Test): Promise<Buffer> {
  const folder = t.testdir({ tree: { etc: { hostname: 'oak' } } })
  await new Promise((resolve, reject) =>
    execFile('sh', ['-c', `tar -c -C "${folder}/tree" . | zstd -q -o "${folder}/i"`], error =>
      error ? reject(error) : resolve(undefined),
    ),
  )
  return readFileSync(join(folder, 'i'))
}

t.test('an image', async t => {
  const image = await packed(t)
  for (const [name, plan, bytes, want] of [
    ['is unpacked', {}, image, ''],
    ['with another sum is refused', { image_sha256: 'f'.repeat(64) }, image, /has the SHA-256/],
    ['that is no archive is refused', {}, Buffer.alloc(image.length, 1), /cannot be unpacked/],
  ] as const)
    t.test(name, async t => {
      const { run, job } = await bench(t, serving(bytes))
      mkdirSync(join(job, 'root'))
      writeFileSync(join(job, 'device'), '/dev/none')
      const sha256 = createHash('sha256').update(bytes).digest('hex')
      const vars = { image_size: String(bytes.length), image_sha256: sha256, ...plan }
      const { code, out } = await run('export image_url="$URL/image"; write-image "$JOB/root"', vars)
      t.match(out.trim(), want)
      t.equal(code, want === '' ? 0 : 1)
      t.equal(existsSync(join(job, '../wiped')), want !== '', 'what was written is made useless')
      if (want === '') t.equal(readFileSync(join(job, 'root/etc/hostname'), 'utf8'), 'oak')
    })
})
