import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { run } from './process.js'

/**
 * A LAN of its own: three network namespaces, nothing of it touches the host's network.
 *
 *     router  10.77.0.1 ---+
 *                          +--- br0 (namespace of the machines) --- tap0, tap1, ... one per NIC
 *     daemon  10.77.0.2 ---+
 *
 * The names carry the run's id, `mu<pid>x<n>`, so that a later run can tell whose they are.
 */
export type Lan = {
  readonly run: string
  readonly router: string
  readonly daemon: string
  readonly machines: string
  /** Adds a tap to the bridge and returns its name. */
  addTap(): Promise<string>
  /** Kills what still runs in the three namespaces and removes them. */
  close(): Promise<void>
}

export const ROUTER_ADDRESS = '10.77.0.1'
export const DAEMON_ADDRESS = '10.77.0.2'
export const DAEMON_INTERFACE = 'lan0'

const SUPERVISOR = 'test/lab/lib/supervisor.sh'
let runs = 0

export async function createLan(): Promise<Lan> {
  await sweep()
  const id = `mu${process.pid}x${runs++}`
  const [router, daemon, machines] = [`${id}r`, `${id}d`, `${id}b`]
  const supervisor = startSupervisor(id)
  for (const args of setUp(router, daemon, machines)) await run('ip', args)
  let taps = 0
  return {
    run: id,
    router,
    daemon,
    machines,
    async addTap() {
      const tap = `tap${taps++}`
      await run('ip', ['-n', machines, 'tuntap', 'add', tap, 'mode', 'tap'])
      await run('ip', ['-n', machines, 'link', 'set', tap, 'master', 'br0', 'up'])
      return tap
    },
    close: () => supervisor.close(),
  }
}

/** The commands of `ip` that make the LAN. */
function setUp(router: string, daemon: string, machines: string): string[][] {
  const words = (line: string) => line.split(' ')
  const host = (ns: string, port: string, address: string, device: string) => [
    words(`link add ${port} netns ${machines} type veth peer name ${device} netns ${ns}`),
    words(`-n ${machines} link set ${port} master br0 up`),
    words(`-n ${ns} address add ${address}/24 dev ${device}`),
    words(`-n ${ns} link set ${device} up`),
    words(`-n ${ns} link set lo up`),
  ]
  return [
    ...[router, daemon, machines].map(ns => words(`netns add ${ns}`)),
    words(`-n ${machines} link add br0 type bridge stp_state 0 forward_delay 0`),
    words(`-n ${machines} link set br0 up`),
    ...host(router, 'router', ROUTER_ADDRESS, 'lan0'),
    words(`-n ${router} address add fd00:77::1/64 dev lan0 nodad`),
    ...host(daemon, 'daemon', DAEMON_ADDRESS, DAEMON_INTERFACE),
    words(`-n ${daemon} route add default via ${ROUTER_ADDRESS}`),
  ]
}

/** Our end of the pipe is the run's life line: see supervisor.sh. */
function startSupervisor(id: string): { close(): Promise<void> } {
  const child = spawn('bash', [SUPERVISOR, id], { stdio: ['pipe', 'ignore', 'inherit'], detached: true })
  const exited = once(child, 'exit')
  child.unref()
  return {
    async close() {
      child.ref()
      child.stdin.end()
      await exited
    },
  }
}

/** Removes runs whose owner is gone and whose supervisor is gone as well (the host lost power, say). */
export async function sweep(): Promise<void> {
  const names = (await run('ip', ['netns', 'list'])).split('\n').map(line => line.split(' ')[0] ?? '')
  const stale = new Set<string>()
  for (const name of names) {
    const [, id, pid] = name.match(/^(mu(\d+)x\d+)[rdb]$/) ?? []
    if (id && !isAlive(Number(pid))) stale.add(id)
  }
  for (const id of stale) await run('bash', [SUPERVISOR, id, 'now'])
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
