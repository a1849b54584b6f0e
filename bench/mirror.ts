import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  answers,
  type Cost,
  download,
  FIRST_CORE,
  freePort,
  LAST_CORE,
  peakMemory,
  type Server,
  startNginx,
  startScript,
  stop,
  sum,
} from './peers.js'
import type { Row } from './rows.js'

/**
 * A package of 60 MB through the mirror cache, to 1, 8 and 64 clients that ask at once: first when nobody has it, then
 * when it is kept. Beside it nginx' proxy_cache and, where it is installed, apt-cacher-ng. All caches are held to the
 * first core, mirror and clients to the last; the caches take turns. How often the mirror was asked is counted.
 */
const SIZE = 60 * 1024 * 1024 // bytes
const TURNS = 2
const CLIENTS = [1, 8, 64]
const APT_CACHER = '/usr/sbin/apt-cacher-ng'

type Cache = { name: string; server: Server; urlOf: (path: string) => string }
type Run = { fresh: Cost; kept: Cost; asked: number }

export async function run(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'muster-bench-mirror-'))
  const started: Server[] = []
  const keep = (server: Server) => {
    started.push(server)
    return server
  }
  try {
    const mirror = keep(await startMirror(folder))
    const caches: Cache[] = []
    for (const start of [ours, nginx, ...(existsSync(APT_CACHER) ? [aptCacher] : [])]) {
      caches.push(await start(folder, mirror))
      keep(caches.at(-1)?.server ?? mirror)
    }
    const rows: Row[] = []
    for (const clients of CLIENTS) rows.push(...(await compare(caches, clients, folder)))
    return [...rows, ...memory(caches)]
  } finally {
    for (const { child } of started) await stop(child)
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Answers every path with the same bytes, and writes down what it was asked. */
async function startMirror(folder: string): Promise<Server> {
  const home = join(folder, 'mirror')
  mkdirSync(home)
  writeFileSync(join(home, 'package'), randomBytes(SIZE))
  const server = `access_log ${home}/asked.log; location / { root ${home}; try_files /package =404; }`
  return startNginx(home, { server, core: LAST_CORE })
}

const askedFor = (folder: string, path: string) =>
  readFileSync(join(folder, 'mirror/asked.log'), 'utf8').split(`GET ${path} `).length - 1

async function ours(folder: string, mirror: Server): Promise<Cache> {
  const server = await startScript('./mirrorServer.ts', join(folder, 'ours'), mirror.url)
  return { name: 'muster', server, urlOf: path => `${server.url}/mirror/debian${path}` }
}

async function nginx(folder: string, mirror: Server): Promise<Cache> {
  const home = join(folder, 'nginx')
  const http = `proxy_cache_path ${home}/cache levels=2 keys_zone=mirror:1m max_size=10g use_temp_path=off;`
  const cache =
    'proxy_cache mirror; proxy_cache_lock on; proxy_cache_lock_timeout 60s; proxy_cache_lock_age 60s; proxy_cache_valid 200 1h;'
  const upstream = `location / { proxy_pass ${mirror.url}; proxy_http_version 1.1; proxy_set_header Connection ""; ${cache} }`
  const server = await startNginx(home, { http, server: upstream, probe: '/probe' })
  return { name: 'nginx', server, urlOf: path => `${server.url}${path}` }
}

async function aptCacher(folder: string, mirror: Server): Promise<Cache> {
  const [home, port] = [join(folder, 'acng'), await freePort()]
  mkdirSync(join(home, 'log'), { recursive: true })
  mkdirSync(join(home, 'etc'))
  mkdirSync(join(home, 'cache'))
  writeFileSync(join(home, 'etc/acng.conf'), 'AllowUserPorts: 0\n')
  const settings = [`CacheDir=${home}/cache`, `LogDir=${home}/log`, `Port=${port}`, 'BindAddress=127.0.0.1']
  const args = ['-c', FIRST_CORE, APT_CACHER, '-c', join(home, 'etc'), 'ForeGround=1', ...settings]
  const server = { child: spawn('taskset', args, { stdio: 'ignore' }), url: `http://127.0.0.1:${port}` }
  await answers(server.url)
  return { name: 'apt-cacher-ng', server, urlOf: path => `${server.url}/${new URL(mirror.url).host}${path}` }
}

let packages = 0

async function once({ server, urlOf }: Cache, clients: number, folder: string): Promise<Run> {
  const path = `/pool/p${packages++}_1_all.deb`
  const urls = Array.from({ length: clients }, () => urlOf(path))
  const fresh = await download(server, urls, clients, SIZE)
  const kept = await download(server, urls, clients, SIZE)
  return { fresh, kept, asked: askedFor(folder, path) }
}

async function compare(caches: readonly Cache[], clients: number, folder: string): Promise<Row[]> {
  const runs = new Map<Cache, Run[]>(caches.map(cache => [cache, []]))
  for (let turn = 0; turn < TURNS; turn++)
    for (const [cache, done] of runs) done.push(await once(cache, clients, folder))
  const [own = [], ...peers] = [...runs.values()]
  const rows: Row[] = []
  for (const [i, peer] of peers.entries()) {
    const peerName = caches[i + 1]?.name ?? ''
    const row = (what: string, unit: string, of: (runs: Run[]) => number, mark?: Row['mark']): Row => ({
      name: `mirror 60 MB to ${clients}: ${what}`,
      ours: of(own),
      unit,
      peer: of(peer),
      peerName,
      ...(mark && { mark }),
    })
    rows.push(
      row('downloads', 'asked', runs => runs.reduce((all, run) => all + run.asked, 0) / TURNS, { atMost: 1 }),
      ...(['fresh', 'kept'] as const).flatMap(when => {
        const cost = (runs: Run[]) => sum(runs.map(run => run[when]))
        return [
          row(`${when} CPU`, 's/GB', runs => cost(runs).cpu / (cost(runs).bytes / 1e9)),
          row(`${when} rate`, 'MB/s', runs => cost(runs).bytes / 1e6 / cost(runs).seconds),
        ]
      }),
    )
  }
  return rows
}

function memory([own, ...peers]: Cache[]): Row[] {
  const [ours, idle] = [own && peakMemory(own.server.child), 0]
  return peers.map(({ name, server }) => ({
    name: 'mirror: most memory',
    ours: ours ?? idle,
    unit: 'MB',
    peer: peakMemory(server.child),
    peerName: name,
  }))
}
