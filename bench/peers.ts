import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** A server under measurement: one process, held to one core. */
export type Server = { child: ChildProcess; url: string }
/** What `downloads` took: CPU seconds of the server, seconds on the clock, bytes sent. */
export type Cost = { cpu: number; seconds: number; bytes: number }

export const FIRST_CORE = '0'
export const LAST_CORE = String(availableParallelism() - 1)

export const sum = (costs: readonly Cost[]): Cost => ({
  cpu: costs.reduce((all, c) => all + c.cpu, 0),
  seconds: costs.reduce((all, c) => all + c.seconds, 0),
  bytes: costs.reduce((all, c) => all + c.bytes, 0),
})

/**
 * Downloads with curl, `clients` at once, on the last core.
 * @throws Error (rejects) when an answer is not 200 or has not `size` bytes
 */
export async function download(
  { child }: Server,
  urls: readonly string[],
  clients: number,
  size: number,
): Promise<Cost> {
  const curl = ['curl', '--silent', '--show-error', '--no-progress-meter', '--max-time', '120']
  const parallel = ['--parallel', '--parallel-immediate', '--parallel-max', String(clients)]
  const files = urls.flatMap(url => ['--output', '/dev/null', url])
  const told = ['--write-out', '%{http_code} %{size_download}\n']
  const cpu = cpuSeconds(child)
  const begun = performance.now()
  const args = ['-c', LAST_CORE, ...curl, ...parallel, ...told, ...files]
  const { stdout } = await promisify(execFile)('taskset', args)
  const seconds = (performance.now() - begun) / 1000
  const whole = stdout.split('\n').filter(line => line === `200 ${size}`).length
  if (whole !== urls.length)
    throw new Error(`${urls.length - whole} of ${urls.length} downloads from ${urls[0]} failed`)
  return { cpu: cpuSeconds(child) - cpu, seconds, bytes: urls.length * size }
}

/** utime and stime of all threads, proc(5): the 14th and 15th field, counted in 1/100 s. */
export function cpuSeconds({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** The most memory that it ever had, in MB. */
export function peakMemory({ pid }: ChildProcess): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return (Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1]) * 1024) / 1e6
}

/** A script of this folder, which prints its port and ends with its standard input. */
export async function startScript(name: string, ...args: string[]): Promise<Server> {
  const script = fileURLToPath(new URL(name, import.meta.url))
  const node = [process.execPath, '--import=@tapjs/typescript/import', script, ...args]
  const child = spawn('taskset', ['-c', FIRST_CORE, ...node], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [port] = await once(child.stdout, 'data', { signal: AbortSignal.timeout(20_000) })
  return { child, url: `http://127.0.0.1:${String(port).trim()}` }
}

/**
 * nginx with one process, so that its CPU time is all of it.
 * @param http goes into the http block, `server` into its server
 */
export async function startNginx(
  folder: string,
  {
    http = '',
    server,
    core = FIRST_CORE,
    probe = '/',
  }: { http?: string; server: string; core?: string; probe?: string },
): Promise<Server> {
  const port = await freePort()
  mkdirSync(folder, { recursive: true })
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    k => `${k}_temp_path ${folder}/${k};`,
  )
  const conf = `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
    events { worker_connections 1024; }
    http { access_log off; sendfile on; tcp_nopush on; ${temporary.join(' ')} ${http}
      server { listen 127.0.0.1:${port}; ${server} } }`
  writeFileSync(join(folder, 'nginx.conf'), conf)
  const args = ['nginx', '-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')]
  const child = spawn('taskset', ['-c', core, ...args], { stdio: 'ignore' })
  const url = `http://127.0.0.1:${port}`
  await answers(`${url}${probe}`)
  return { child, url }
}

/** Until there is an answer, whatever it says. */
export async function answers(url: string): Promise<void> {
  const until = Date.now() + 10_000
  for (;;) {
    const request = fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(1_000) })
    if (await request.catch(() => undefined)) return
    if (Date.now() > until) throw new Error(`nothing answers at ${url}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** Below 32768: apt-cacher-ng 3.7.4 neither listens on a port above that nor connects to one. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    const server = createServer().listen(port, '127.0.0.1')
    const free = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    server.close()
    if (free) return port
  }
  throw new Error('no free port')
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit', { signal: AbortSignal.timeout(5_000) }).catch(() => child.kill('SIGKILL'))
}
