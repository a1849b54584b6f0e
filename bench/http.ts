import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cost, download, type Server, startNginx, startScript, stop, sum } from './peers.js'
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

export async function run(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'muster-bench-http-'))
  const servers: Server[] = []
  try {
    writeFileSync(join(folder, 'initrd'), randomBytes(SIZE))
    const ours = await startScript('./httpServer.ts', folder)
    servers.push(ours)
    const nginx = await startNginx(folder, { server: `root ${folder};` })
    servers.push(nginx)
    const rows: Row[] = []
    for (const load of LOADS)
      rows.push(...(await compare(initrdOf(ours, '/boot/scout/initrd'), initrdOf(nginx, '/initrd'), load)))
    return rows
  } finally {
    for (const { child } of servers) await stop(child)
    rmSync(folder, { recursive: true, force: true })
  }
}

const initrdOf = ({ child, url }: Server, path: string): Server => ({ child, url: `${url}${path}` })

async function compare(ours: Server, nginx: Server, { clients, downloads }: (typeof LOADS)[number]) {
  const urls = ({ url }: Server) => Array.from({ length: downloads }, () => url)
  const costs: { ours: Cost[]; peer: Cost[] } = { ours: [], peer: [] }
  for (let turn = 0; turn < TURNS; turn++) {
    costs.ours.push(await download(ours, urls(ours), clients, SIZE))
    costs.peer.push(await download(nginx, urls(nginx), clients, SIZE))
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
