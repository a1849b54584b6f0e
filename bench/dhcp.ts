import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Row } from './rows.js'

/**
 * ProxyDHCP against dnsmasq's proxy mode. The server, `muster serve` as it is, and the client have a namespace and,
 * where there are two, a core each; the peers take turns, and the best of the rounds counts: what else a shared host
 * does can only make a figure worse. dnsmasq is told not to log; muster logs as always.
 */
const UNDER_WAY = [1, 16, 64]
const ROUNDS = 3
const SECONDS = 2
const CLIENT_LIMIT_MS = 60_000
const SERVER = '10.98.0.2'
const CLIENT = '10.98.0.3'
const root = new URL('..', import.meta.url).pathname

type Sample = { answers: number; p50: number; p99: number; lost: number }
type Lan = { server: string; client: string; folder: string }
type Peer = { name: string; command: (lan: Lan) => string[] }

const MUSTER: Peer = {
  name: 'muster',
  command: ({ folder }) => [
    join(root, 'dist/cli.js'), // with the V8 flags of its first line
    'serve',
    ...['--interface', 'lan', '--state-dir', folder],
    ...['--dhcp-rate', '1000'], // the bench asks for each machine more often than any machine does
  ],
}
const DNSMASQ: Peer = {
  name: 'dnsmasq',
  command: ({ folder }) => [
    'dnsmasq',
    ...['--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--user=root', '--pid-file='],
    ...['--quiet-dhcp', '--log-facility=/dev/null', `--dhcp-leasefile=${folder}/leases`],
    ...['--interface=lan', '--bind-dynamic', '--dhcp-range=10.98.0.0,proxy'],
    '--pxe-service=x86PC,muster,undionly',
  ],
}

export async function run(): Promise<Row[]> {
  const lan = setUp()
  const interrupted = () => {
    tearDown(lan)
    process.exit(1)
  }
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  try {
    const samples = new Map<string, Sample[]>()
    for (let round = 0; round < ROUNDS; round++)
      for (const peer of [DNSMASQ, MUSTER])
        for (const [underWay, sample] of await measured(lan, peer)) {
          const key = `${peer.name} ${underWay}`
          samples.set(key, [...(samples.get(key) ?? []), sample])
        }
    return UNDER_WAY.flatMap(underWay => rowsOf(underWay, samples))
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
    tearDown(lan)
  }
}

function rowsOf(underWay: number, samples: ReadonlyMap<string, readonly Sample[]>): Row[] {
  const of = (peer: Peer, figure: (sample: Sample) => number) =>
    (samples.get(`${peer.name} ${underWay}`) ?? []).map(figure)
  const most = (peer: Peer) => Math.max(...of(peer, s => s.answers))
  const least = (peer: Peer, figure: (sample: Sample) => number) => Math.min(...of(peer, figure))
  const name = `ProxyDHCP, ${underWay} under way`
  const latency = (what: 'p50' | 'p99'): Row => ({
    name: `${name}: ${what}`,
    ours: least(MUSTER, s => s[what]),
    unit: 'ms',
    peer: least(DNSMASQ, s => s[what]),
    peerName: 'dnsmasq',
  })
  return [
    {
      name,
      ours: most(MUSTER),
      unit: 'answers/s',
      peer: most(DNSMASQ),
      peerName: 'dnsmasq',
      mark: { atLeast: 1.2 },
    },
    latency('p50'),
    latency('p99'),
  ]
}

/** Starts one server and asks it with each number of DISCOVERs under way. */
async function measured(lan: Lan, peer: Peer): Promise<[number, Sample][]> {
  const server = inNamespace(lan.server, serverCore, peer.command(lan), 'ignore')
  try {
    const lines = (await asking(lan)).trim().split('\n')
    if (lines.length < UNDER_WAY.length) throw new Error(`${peer.name} does not answer`)
    return lines.map((line, i): [number, Sample] => [UNDER_WAY[i] ?? 0, JSON.parse(line)])
  } finally {
    server.kill()
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
  }
}

async function asking(lan: Lan): Promise<string> {
  const script = ['--import=@tapjs/typescript/import', join(root, 'bench/dhcpClient.ts')]
  const words = [CLIENT, SECONDS, ...UNDER_WAY].map(String)
  const client = inNamespace(lan.client, clientCore, ['node', ...script, ...words], 'pipe')
  const limit = setTimeout(() => client.kill('SIGKILL'), CLIENT_LIMIT_MS)
  let out = ''
  client.stdout?.on('data', (text: Buffer) => {
    out += text
  })
  await once(client, 'close')
  clearTimeout(limit)
  return out
}

const clientCore = '0'
const serverCore = availableParallelism() > 1 ? '1' : '0'

function inNamespace(
  namespace: string,
  core: string,
  command: readonly string[],
  stdout: 'ignore' | 'pipe',
): ChildProcess {
  const args = ['netns', 'exec', namespace, 'taskset', '--cpu-list', core, ...command]
  return spawn('ip', args, { cwd: root, stdio: ['ignore', stdout, 'ignore'] })
}

const ip = (...args: string[]) => execFileSync('ip', args, { timeout: 10_000 })

function setUp(): Lan {
  const name = `mu-${process.pid}-dhcp`
  const lan = {
    server: `${name}-s`,
    client: `${name}-c`,
    folder: mkdtempSync(join(tmpdir(), 'muster-bench-')),
  }
  mkdirSync(join(lan.folder, 'boot'))
  for (const program of ['undionly.kpxe', 'ipxe.pxe']) writeFileSync(join(lan.folder, 'boot', program), 'x')
  for (const namespace of [lan.server, lan.client]) ip('netns', 'add', namespace)
  ip('link', 'add', 'lan', 'netns', lan.server, 'type', 'veth', 'peer', 'name', 'lan', 'netns', lan.client)
  for (const [namespace, address] of [
    [lan.server, SERVER],
    [lan.client, CLIENT],
  ] as const) {
    ip('-n', namespace, 'address', 'add', `${address}/24`, 'dev', 'lan')
    for (const device of ['lo', 'lan']) ip('-n', namespace, 'link', 'set', device, 'up')
  }
  return lan
}

/** What still runs in the namespaces is ours: they were made for this run. */
function tearDown({ server, client, folder }: Lan): void {
  for (const namespace of [server, client]) {
    const pids = ip('netns', 'pids', namespace).toString().split('\n').filter(Boolean)
    for (const pid of pids) process.kill(Number(pid), 'SIGKILL')
    ip('netns', 'delete', namespace)
  }
  rmSync(folder, { recursive: true })
}
