import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Row } from './rows.js'

/**
 * Our TFTP server against tftpd-hpa and dnsmasq, all read by the same client. Neither peer knows windowsize, so they
 * answer in lock-step where we send windows. Needs root: the loss happens in a network namespace of its own.
 */

const MIB = 1 << 20
const PORTS = { ours: 7069, 'tftpd-hpa': 7169, dnsmasq: 69 } as const
const CORE = '0' // both ends on one core: two give figures that jump between two modes
const FRAME = 1468 // the blksize that fills an Ethernet frame
const LARGE = 2 * MIB // bytes; short enough that some of the rounds pass undisturbed
const MIDDLE = MIB / 2
const SMALL = MIB / 2

type Name = keyof typeof PORTS
type Result = { port: number; ms: number; equal: number }
type Place = { netns: string; dir: string }

const script = (name: string) => new URL(`./tftp/${name}.ts`, import.meta.url).pathname

/** In the namespace, on the one core, before what else the machine does. */
const pinned = ({ netns }: Place, ...command: string[]) =>
  ['ip', 'netns', 'exec', netns, 'nice', '-n', '-15', 'taskset', '-c', CORE, ...command] as const

function start(place: Place, ...command: string[]): ChildProcess {
  const [file, ...args] = pinned(place, ...command)
  return spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
}

/** @returns what it printed */
async function printed(child: ChildProcess): Promise<string> {
  let text = ''
  child.stdout?.on('data', bytes => {
    text += bytes
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`TFTP bench: exit code ${code}: ${child.spawnargs.join(' ')}`)
  return text
}

type Work = { file: string; rounds: number; clients: number; windowsize: number }

/** Reads from the named servers in turn. @returns the best time of each, ms */
async function measure(place: Place, work: Work, names: Name[]): Promise<Record<Name, number>> {
  const numbers = [work.rounds, work.clients, FRAME, work.windowsize, ...names.map(name => PORTS[name])]
  const node = [process.execPath, ...process.execArgv, script('measure'), join(place.dir, work.file)]
  const results: Result[] = JSON.parse(await printed(start(place, ...node, ...numbers.map(String))))
  const times = { ours: 0, 'tftpd-hpa': 0, dnsmasq: 0 }
  for (const name of names) {
    const result = results.find(({ port }) => port === PORTS[name])
    if (result?.equal !== work.rounds * work.clients) throw new Error(`TFTP bench: ${name} failed`)
    times[name] = result.ms
  }
  return times
}

function servers(place: Place): ChildProcess[] {
  const { dir } = place
  const ours = [process.execPath, ...process.execArgv, script('server'), `${PORTS.ours}`, dir]
  const dnsmasq = ['-k', '-p0', '-C', '/dev/null', '--pid-file=', '--user=root', '--listen-address=127.0.0.1']
  return [
    start(place, ...ours),
    // no address: with nothing but loopback up it takes every literal for unreachable
    start(place, 'in.tftpd', '-L', '-4', '-a', `:${PORTS['tftpd-hpa']}`, '-s', dir),
    start(place, 'dnsmasq', ...dnsmasq, '--enable-tftp', `--tftp-root=${dir}`, '--tftp-max=100'),
  ]
}

const PEERS = ['tftpd-hpa', 'dnsmasq'] as const

/** One row per peer; MB/s where bytes are told, else seconds. */
function rows(
  name: string,
  times: Record<Name, number>,
  mark: Row['mark'] | undefined,
  bytes?: number,
): Row[] {
  const figure = (ms: number) => (bytes ? bytes / ms / 1000 : ms / 1000)
  const unit = bytes ? 'MB/s' : 's'
  const ours = figure(times.ours)
  return PEERS.map(peerName => {
    const row = { name: `tftp ${name}`, ours, unit, peer: figure(times[peerName]), peerName }
    return mark ? { ...row, mark } : row
  })
}

async function throughput(place: Place): Promise<Row[]> {
  const all: Name[] = ['ours', ...PEERS]
  const work = { file: 'large', rounds: 100, clients: 1 }
  const single = await measure(place, { ...work, windowsize: 1 }, all)
  const window = await measure(place, { ...work, windowsize: 16 }, all)
  const fifty = await measure(place, { file: 'middle', rounds: 2, clients: 50, windowsize: 1 }, all)
  return [
    ...rows('lock-step', single, { atLeast: 0.9 }, LARGE),
    ...rows('windowsize 16', window, { atLeast: 1.4 }, LARGE),
    ...rows('50 clients, all bytes equal', fifty, undefined, 50 * MIDDLE),
  ]
}

/** The same loss for all; the waits are what counts here, so all may wait at the same time. */
async function withLoss(place: Place): Promise<Row[]> {
  const rule = ['-p', 'udp', '-m', 'statistic', '--mode', 'random', '--probability', '0.01', '-j', 'DROP']
  execFileSync('ip', ['netns', 'exec', place.netns, 'iptables', '-A', 'INPUT', ...rule], { timeout: 5000 })
  const work = { file: 'small', rounds: 1, clients: 8 } // eight at once, so that chance evens out
  const one = (name: Name, windowsize: number) => measure(place, { ...work, windowsize }, [name])
  const [single, window, hpa, dnsmasq] = await Promise.all([
    one('ours', 1),
    one('ours', 16),
    one('tftpd-hpa', 1),
    one('dnsmasq', 1),
  ])
  const peers = { 'tftpd-hpa': hpa['tftpd-hpa'], dnsmasq: dnsmasq.dnsmasq }
  return [
    ...rows('1 % loss, lock-step', { ...peers, ours: single.ours }, { atMost: 1 }),
    ...rows('1 % loss, windowsize 16', { ...peers, ours: window.ours }, { atMost: 0.25 }),
  ]
}

export async function run(): Promise<Row[]> {
  const dir = mkdtempSync(join(tmpdir(), 'muster-bench-'))
  chmodSync(dir, 0o755) // tftpd-hpa reads as nobody
  const place = { netns: `mu-${process.pid}-bench`, dir }
  const ip = (...args: string[]) => execFileSync('ip', args, { timeout: 5000 })
  for (const [name, size] of Object.entries({ large: LARGE, middle: MIDDLE, small: SMALL }))
    writeFileSync(join(dir, name), randomBytes(size), { mode: 0o644 })
  ip('netns', 'add', place.netns)
  let started: ChildProcess[] = []
  try {
    ip('netns', 'exec', place.netns, 'ip', 'link', 'set', 'lo', 'up')
    started = servers(place)
    return [...(await throughput(place)), ...(await withLoss(place))]
  } finally {
    for (const child of started) child.kill()
    ip('netns', 'del', place.netns)
    rmSync(dir, { recursive: true })
  }
}
