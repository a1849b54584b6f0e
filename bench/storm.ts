import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createLan, DAEMON_ADDRESS, DAEMON_INTERFACE, type Lan } from '../test/lab/lib/namespaces.js'
import { run as call, runIn, startIn } from '../test/lab/lib/process.js'
import { readyScout } from '../test/lab/lib/scout.js'
import type { Row } from './rows.js'

/**
 * The storm: many machines switched on together, each from its first DISCOVER to its inventory. The daemon has one
 * core, the pretend machines the other. Machines have 1,000 source addresses behind one router, as in a large LAN.
 */
const SIZES = [10, 100, 1_000]
const SPREAD_SECONDS = 5 // people reach the last switch that much later than the first
const HTTP_PORT = 8067

type Storm = {
  seconds: number
  offers: number[]
  unanswered: number
  failures: number
  firstFailure?: string
}
type Cost = { idleMiB: number; peakMiB: number; cpuSeconds: number }

export async function run(): Promise<Row[]> {
  const rows: Row[] = []
  for (const machines of SIZES) rows.push(...(await storm(machines)))
  return rows
}

async function storm(machines: number): Promise<Row[]> {
  const lan = await createLan()
  mkdirSync('.lab', { recursive: true })
  const dir = mkdtempSync(resolve('.lab', 'storm-'))
  try {
    await addAddresses(lan)
    const daemon = await startDaemon(lan, dir)
    const idle = memory(daemon.pid, 'VmRSS')
    const result = await release(lan, machines)
    const cost = { idleMiB: idle, peakMiB: memory(daemon.pid, 'VmHWM'), cpuSeconds: cpuSeconds(daemon.pid) }
    await daemon.stop()
    return report(machines, result, cost)
  } finally {
    await lan.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

async function addAddresses(lan: Lan) {
  const addresses = Array.from(
    { length: 1_000 },
    (_, n) => `10.93.${1 + Math.floor(n / 250)}.${1 + (n % 250)}`,
  )
  const batch = addresses
    .map(address => `address add ${address}/32 dev lan0`)
    .concat('route add default dev lan0')
  await call('ip', ['-n', lan.router, '-batch', '-'], { input: batch.join('\n') })
}

async function startDaemon(lan: Lan, dir: string) {
  const ready = await readyScout()
  for (const part of ['boot', 'scout']) await call('cp', ['-al', join(ready, part), dir])
  // The pretended machines share one card, so the kernel's neighbour table cannot tell them apart.
  const serve = ['serve', '--check-neighbours=false', '--interface', DAEMON_INTERFACE, '--state-dir', dir]
  const logFile = join(dir, 'daemon.log')
  const service = startIn(lan.daemon, 'taskset', ['-c', '0', 'dist/cli.js', ...serve], {
    name: 'daemon',
    logFile,
  })
  await service.output.waitFor(/"msg":"ready"/, 20_000)
  return { pid: service.child.pid ?? 0, stop: () => service.stop() }
}

async function release(lan: Lan, machines: number): Promise<Storm> {
  const loader = ['--import', '@tapjs/typescript/import', 'bench/storm/client.ts']
  const args = [DAEMON_ADDRESS, String(HTTP_PORT), String(machines), String(SPREAD_SECONDS)]
  const out = await runIn(lan.router, 'taskset', ['-c', '1', process.execPath, ...loader, ...args], 120_000)
  return JSON.parse(out)
}

const memory = (pid: number, field: 'VmRSS' | 'VmHWM') =>
  Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

/** User and system time of the process, in seconds (proc(5): fields 14 and 15, in ticks of 10 ms). */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function report(machines: number, storm: Storm, cost: Cost): Row[] {
  const name = (what: string) => `storm of ${machines}: ${what}`
  const sorted = storm.offers.toSorted((a, b) => a - b)
  const p99 = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] ?? Number.NaN
  if (storm.firstFailure) console.error(`${name('first failure')}: ${storm.firstFailure}`)
  const largest = machines === Math.max(...SIZES)
  return [
    { name: name('until all are listed'), ours: storm.seconds, unit: 's', mark: { atMost: 60 } },
    { name: name('machines that failed'), ours: storm.failures, unit: '', mark: { atMost: 0 } },
    { name: name('DISCOVERs without OFFER'), ours: storm.unanswered, unit: '', mark: { atMost: 0 } },
    { name: name('p99 of the OFFER'), ours: p99, unit: 'ms', mark: { atMost: 100 } },
    { name: name('CPU per machine'), ours: (1000 * cost.cpuSeconds) / machines, unit: 'ms' },
    { name: name('daemon, largest RSS'), ours: cost.peakMiB, unit: 'MiB', mark: { atMost: 150 } },
    ...(largest ? [{ name: 'daemon, idle RSS', ours: cost.idleMiB, unit: 'MiB', mark: { atMost: 80 } }] : []),
  ]
}
