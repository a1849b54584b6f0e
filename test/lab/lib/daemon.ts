import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Event } from '../../../src/core/events.js'
import type { InstanceView } from '../../../src/core/instanceView.js'
import type { Description, Summary } from '../../../src/core/summary.js'
import { readyMedium } from './media.js'
import { DAEMON_INTERFACE, type Lan } from './namespaces.js'
import { run, runIn, type Service, startIn, until } from './process.js'
import { readyScout } from './scout.js'
import { createTranscript, type Transcript } from './transcript.js'

/** One line of the daemon's log. */
export type LogLine = { time: string; area: string; msg: string; [field: string]: unknown }

/** What a process has taken: CPU in seconds since it was started, memory in bytes now. */
export type Usage = { readonly cpu: number; readonly rss: number }

/** The real `muster serve`, in its namespace, with a state directory of its own that survives a restart. */
export type LabDaemon = {
  readonly stateDir: string
  /** Gives the daemon what these profiles are installed from; before or after its start. Flags: of `images build`. */
  takeMedia(profiles: readonly string[], flags?: readonly string[]): Promise<void>
  start(flags?: readonly string[]): Promise<void>
  /** As a power cut would: no signal that could be caught. */
  kill(): Promise<void>
  stop(): Promise<void>
  /** What the daemon logged since it was last started. */
  log(): Transcript
  lines(): LogLine[]
  usage(): Promise<Usage>
  /** Runs a muster command beside the daemon and returns what it prints; throws when it fails. */
  muster(...args: string[]): Promise<string>
  /** The same for a command that waits for machines. */
  musterWithin(timeoutMs: number, ...args: string[]): Promise<string>
  /** Throws when the API refuses, with its message. */
  api<T>(method: 'GET' | 'POST' | 'PATCH', path: string, body?: unknown): Promise<T>
  systems(): Promise<Summary[]>
  events(system: string): Promise<Event[]>
  /**
   * Waits until the machine with this MAC is listed and `is` holds for it; returns it in full. Asked four times a
   * second: a state that lasts shorter is missed.
   */
  waitFor(mac: string, what: string, timeoutMs: number, is: (s: Description) => boolean): Promise<Description>
  /** By id or host name. */
  instance(idOrName: string): Promise<InstanceView>
  /** Waits until `is` holds for the instance; throws at once when it has failed and that is not waited for. */
  waitForInstance(
    idOrName: string,
    what: string,
    timeoutMs: number,
    is: (i: InstanceView) => boolean,
  ): Promise<InstanceView>
}

const API = 'http://127.0.0.1:8068'
const START_MS = 60_000
const COMMAND_MS = 60_000

export async function createDaemon(lan: Lan, folder: string): Promise<LabDaemon> {
  const stateDir = join(folder, 'state')
  await mkdir(stateDir, { mode: 0o700 })
  let boot: Promise<void> | undefined
  let service: Service | undefined
  let log = createTranscript('daemon')

  async function start(flags: readonly string[] = []) {
    boot ??= takeBootFiles(stateDir)
    await boot
    const args = ['dist/cli.js', 'serve', '--state-dir', stateDir, '--interface', DAEMON_INTERFACE]
    const roles = flags.some(flag => flag.startsWith('--roles')) ? [] : ['--roles='] // most ask for no node
    service = startIn(lan.daemon, process.execPath, [...args, '--debug', 'http,scout', ...roles, ...flags], {
      name: 'daemon',
      logFile: join(folder, 'daemon.log'),
    })
    log = service.output
    await log.waitFor(/"msg":"ready"/, START_MS)
  }

  async function api<T>(method: string, path: string, body?: unknown): Promise<T> {
    const token = (await readFile(join(stateDir, 'api-token'), 'utf8')).trim()
    const given = ['-H', `authorization: Bearer ${token}`, '-H', 'content-type: application/json']
    const sent = body === undefined ? [] : ['-d', JSON.stringify(body)]
    const what = ['-sS', '--max-time', '10', '-X', method, ...given, ...sent, `${API}/api/v1/${path}`]
    const answer: unknown = JSON.parse(await runIn(lan.daemon, 'curl', what))
    if (answer !== null && typeof answer === 'object' && 'error' in answer)
      throw new Error(`${method} ${path}: ${JSON.stringify(answer.error)}`)
    return answer as T
  }

  const muster = (timeoutMs: number, args: readonly string[]) => {
    const token = ['--token-file', join(stateDir, 'api-token')]
    return runIn(lan.daemon, process.execPath, ['dist/cli.js', ...args, ...token], timeoutMs)
  }

  const systems = () => api<Summary[]>('GET', 'systems')
  const instance = (idOrName: string) => api<InstanceView>('GET', `instances/${idOrName}`)

  return {
    stateDir,
    async takeMedia(profiles, flags) {
      let from = ''
      for (const profile of profiles) from = await readyMedium(profile, flags)
      await link(join(from, 'media'), stateDir)
    },
    start,
    kill: async () => service?.stop('SIGKILL'),
    stop: async () => service?.stop(),
    log: () => log,
    lines: () => parseLines(log.text()),
    usage: () => usageOf(service?.child.pid),
    muster: (...args) => muster(COMMAND_MS, args),
    musterWithin: (timeoutMs, ...args) => muster(timeoutMs, args),
    api,
    systems,
    events: system => api('GET', `events?limit=1000&system=${system}`),
    waitFor: (mac, what, timeoutMs, is) =>
      until(`${mac} ${what}`, timeoutMs, async () => {
        const listed = (await systems()).find(system => system.macs.some(m => m === mac))
        if (!listed) return undefined
        const system = await api<Description>('GET', `systems/${listed.id}`)
        return is(system) ? system : undefined
      }),
    instance,
    waitForInstance: (idOrName, what, timeoutMs, is) =>
      until(`${idOrName} ${what}`, timeoutMs, async () => {
        const found = await instance(idOrName)
        if (is(found)) return found
        if (found.state === 'failed')
          throw new Error(`${idOrName} failed: ${found.reason}; ${what} was awaited`)
        return undefined
      }),
  }
}

const TICKS = 100 // in a second: USER_HZ of /proc, on every architecture that muster runs on

/** proc(5): utime and stime are fields 14 and 15, and the name before them may hold anything but its end. */
async function usageOf(pid = 0): Promise<Usage> {
  const [stat, status] = await Promise.all(
    ['stat', 'status'].map(file => readFile(`/proc/${pid}/${file}`, 'utf8')),
  )
  const fields = stat?.split(') ').at(-1)?.split(' ') ?? []
  const cpu = (Number(fields[11]) + Number(fields[12])) / TICKS
  return { cpu, rss: Number(status?.match(/VmRSS:\s+(\d+) kB/)?.[1]) * 1024 }
}

async function takeBootFiles(stateDir: string): Promise<void> {
  const scout = await readyScout()
  for (const part of ['boot', 'scout']) await link(join(scout, part), stateDir)
}

/** Hard links: nobody writes to these files, and a copy for each run would fill the disk. */
const link = (folder: string, into: string) => run('cp', ['-alf', folder, into])

const parseLines = (text: string): LogLine[] =>
  text
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as LogLine)
