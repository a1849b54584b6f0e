import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Row } from './rows.js'

/**
 * The scout's initrd, as big as the scout may get, to 1, 8 and 64 clients at once: CPU seconds of the server for each
 * GB sent, and MB/s, against nginx with sendfile. Both servers are held to the first core, curl to the last; they take
 * turns, so that a busy moment of the machine hits both.
 */
const SIZE = 60 * 1024 * 1024 // bytes
const TURNS = 2
const LOADS = [
  { clients: 1, downloads: 8 },
  { clients: 8, downloads: 16 },
  { clients: 64, downloads: 64 },
]

type Server = { child: ChildProcess; url: string }
type Cost = { cpu: number; seconds: number; bytes: number }

export async function run(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'muster-bench-http-'))
  const servers: Server[] = []
  try {
    writeFileSync(join(folder, 'initrd'), randomBytes(SIZE))
    const ours = await startOurs(folder)
    servers.push(ours)
    const nginx = await startNginx(folder)
    servers.push(nginx)
    const rows: Row[] = []
    for (const load of LOADS) rows.push(...(await compare(ours, nginx, load)))
    return rows
  } finally {
    for (const { child } of servers) await stop(child)
    rmSync(folder, { recursive: true, force: true })
  }
}

async function compare(ours: Server, nginx: Server, { clients, downloads }: (typeof LOADS)[number]) {
  const costs: { ours: Cost[]; peer: Cost[] } = { ours: [], peer: [] }
  for (let turn = 0; turn < TURNS; turn++) {
    costs.ours.push(await download(ours, clients, downloads))
    costs.peer.push(await download(nginx, clients, downloads))
  }
  const row = (what: string, unit: string, of: (c: Cost) => number, mark: NonNullable<Row['mark']>): Row => ({
    name: `HTTP 60 MB to ${clients}: ${what}`,
    ours: of(sum(costs.ours)),
    unit,
    peer: of(sum(costs.peer)),
    peerName: 'nginx',
    mark,
  })
  return [
    row('CPU', 's/GB', c => c.cpu / (c.bytes / 1e9), { atMost: 2 }),
    row('rate', 'MB/s', c => c.bytes / 1e6 / c.seconds, { atLeast: 0.5 }),
  ]
}

const sum = (costs: Cost[]): Cost => ({
  cpu: costs.reduce((all, c) => all + c.cpu, 0),
  seconds: costs.reduce((all, c) => all + c.seconds, 0),
  bytes: costs.reduce((all, c) => all + c.bytes, 0),
})

/** @throws Error (rejects) when an answer is not 200 or not whole */
async function download({ child, url }: Server, clients: number, downloads: number): Promise<Cost> {
  const client = String(availableParallelism() - 1)
  const curl = ['curl', '--silent', '--show-error', '--no-progress-meter', '--max-time', '120']
  const parallel = ['--parallel', '--parallel-immediate', '--parallel-max', String(clients)]
  const files = Array.from({ length: downloads }, () => ['--output', '/dev/null', url]).flat()
  const told = ['--write-out', '%{http_code} %{size_download}\n']
  const cpu = cpuSeconds(child)
  const begun = performance.now()
  const { stdout } = await promisify(execFile)('taskset', [
    '-c',
    client,
    ...curl,
    ...parallel,
    ...told,
    ...files,
  ])
  const seconds = (performance.now() - begun) / 1000
  const whole = stdout.split('\n').filter(line => line === `200 ${SIZE}`).length
  if (whole !== downloads)
    throw new Error(`${downloads - whole} of ${downloads} downloads from ${url} failed`)
  return { cpu: cpuSeconds(child) - cpu, seconds, bytes: downloads * SIZE }
}

/** utime and stime of all threads, proc(5): the 14th and 15th field, counted in 1/100 s. */
function cpuSeconds({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function startOurs(folder: string): Promise<Server> {
  const script = fileURLToPath(new URL('./httpServer.ts', import.meta.url))
  const node = [process.execPath, '--import=@tapjs/typescript/import', script, folder]
  const child = spawn('taskset', ['-c', '0', ...node], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [port] = await once(child.stdout, 'data', { signal: AbortSignal.timeout(20_000) })
  return { child, url: `http://127.0.0.1:${String(port).trim()}/boot/scout/initrd` }
}

/** One process, so that its CPU time is all of it. */
async function startNginx(folder: string): Promise<Server> {
  const port = await freePort()
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    k => `${k}_temp_path ${folder}/${k};`,
  )
  const conf = `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
    events { worker_connections 1024; }
    http { access_log off; sendfile on; tcp_nopush on; ${temporary.join(' ')}
      server { listen 127.0.0.1:${port}; root ${folder}; } }`
  writeFileSync(join(folder, 'nginx.conf'), conf)
  const args = [
    '-c',
    '0',
    'nginx',
    '-p',
    folder,
    '-c',
    join(folder, 'nginx.conf'),
    '-e',
    join(folder, 'error.log'),
  ]
  const child = spawn('taskset', args, { stdio: 'ignore' })
  const url = `http://127.0.0.1:${port}/initrd`
  await answers(url)
  return { child, url }
}

async function answers(url: string): Promise<void> {
  const until = Date.now() + 10_000
  for (;;) {
    const res = await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(1_000) }).catch(
      () => undefined,
    )
    if (res?.ok) return
    if (Date.now() > until) throw new Error(`nothing answers at ${url}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (typeof address !== 'object' || !address) throw new Error('no free port')
  return address.port
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit', { signal: AbortSignal.timeout(5_000) }).catch(() => child.kill('SIGKILL'))
}
