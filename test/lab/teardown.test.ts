import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import t from 'tap'
import { run, until } from './lib/process.js'

/** Nothing of a run may stay behind, however its owner ends. */

const GONE_MS = 20_000

function startLab(): { owner: ChildProcess; ready: Promise<void> } {
  const args = [
    '--import=@tapjs/typescript/import',
    'test/lab/cli.ts',
    '--machine',
    'bios',
    '--machine',
    'e1000',
  ]
  const owner = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  const ready = new Promise<void>((resolve, reject) => {
    let said = ''
    owner.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (/^m2 \S+ +on /m.test(said)) resolve()
    })
    owner.once('exit', () => reject(new Error(`the lab ended: ${said}`)))
  })
  return { owner, ready }
}

async function namespacesOf(pid: number): Promise<string[]> {
  const names = (await run('ip', ['netns', 'list'])).split('\n').map(line => line.split(' ')[0] ?? '')
  return names.filter(name => name.startsWith(`mu${pid}x`))
}

/** The processes inside these namespaces: QEMU, dnsmasq, tcpdump and the daemon. */
async function processesIn(namespaces: readonly string[]): Promise<number[]> {
  const pids = await Promise.all(namespaces.map(name => run('ip', ['netns', 'pids', name])))
  return pids.flatMap(text => text.split('\n').filter(Boolean).map(Number))
}

const isRunning = (pid: number) => {
  try {
    return readdirSync(`/proc/${pid}`).length > 0 && readlinkSync(`/proc/${pid}/exe`) !== ''
  } catch {
    return false
  }
}

for (const [how, signal] of [
  ['Ctrl-C', 'SIGINT'],
  ['kill -9', 'SIGKILL'],
] as const)
  t.test(`${how}: namespaces and processes are gone`, async t => {
    const { owner, ready } = startLab()
    const exit = once(owner, 'exit')
    await ready
    const pid = owner.pid ?? 0
    const namespaces = await namespacesOf(pid)
    const processes = await processesIn(namespaces)
    t.equal(namespaces.length, 3, 'router, daemon, machines')
    t.equal(processes.length, 5, 'dnsmasq, tcpdump, the daemon, two machines')
    process.kill(pid, signal)
    await exit
    await until('namespaces are gone', GONE_MS, async () =>
      (await namespacesOf(pid)).length === 0 ? true : undefined,
    )
    t.same(processes.filter(isRunning), [], 'processes are gone')
  })
