import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import type { InstanceId, InstanceRecord, ReservationId } from '../../src/core/instance.js'
import type { Machine, MachineId } from '../../src/core/machine.js'
import { openStore } from '../../src/io/store.js'
import { M1, quiet } from '../control/example.js'
import { PROFILE } from '../support/installJobs.js'
import { startSshd } from '../support/sshd.js'

/** The executor against OpenSSH's server, killed with SIGKILL in the middle of a step. */

const BOUND_MS = 120_000
const PROGRAM = new URL('convergeChild.ts', import.meta.url).pathname

const { dir, reach } = await startSshd(t)
const stateDir = join(dir, 'state')
const folder = join(dir, 'node')
mkdirSync(folder)

const at = new Date()
const machine: Machine = {
  ...{ id: 'm-1' as MachineId, name: 'node-1', group: 'pool', state: 'discovered', localBoot: 'auto' },
  ...{ macs: [M1], firstSeen: at, lastSeen: at },
}
const reservation = { id: 'r-1' as ReservationId, user: 'demo', at }
const instance = (hostKeys: readonly string[]): InstanceRecord => ({
  ...{ id: 'i-1' as InstanceId, reservation: reservation.id, machine: machine.id, system: machine.name },
  ...{ group: 'pool', name: 'web-1', user: 'demo', profile: PROFILE.name, snapshot: PROFILE },
  ...{ phase: 'converging', since: at, launched: at, attempts: 1, disk: '/dev/sda', touched: true },
  ...{ wipe: 'none', powerOff: false, tries: 0, tags: {}, installedAt: at, hostName: 'web-1' },
  ...{ address: '127.0.0.1', hostKeys, convergeAt: at, turning: false, misses: 0, passSteps: 0 },
})

async function startDaemon(): Promise<ChildProcess> {
  const args = ['--import=@tapjs/typescript/import', PROGRAM]
  const given = [stateDir, String(reach.port), reach.key, folder]
  const child = spawn(process.execPath, [...args, ...given], { stdio: ['ignore', 'inherit', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}
const linesOf = (name: string) => {
  try {
    return readFileSync(join(folder, name), 'utf8').split('\n').length - 1
  } catch {
    return 0
  }
}
async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (const end = Date.now() + BOUND_MS; Date.now() < end; await pause(50)) {
    const found = await look()
    if (found) return found
  }
  throw new Error(`not within ${BOUND_MS / 1000} s: ${what}`)
}

t.test('kill -9 in the middle of a step', async t => {
  const store = await openStore(stateDir, quiet)
  t.teardown(() => store.close())
  await store.transaction(async tx => {
    await tx.insert(machine)
    await tx.addReservation(reservation)
    await tx.addInstance(instance(reach.hostKeys))
  })
  const first = await startDaemon()
  await until('the step has begun', () => linesOf('begun') > 0)
  const closed = once(first, 'close')
  first.kill('SIGKILL')
  await closed
  t.match(await store.nodeSteps('i-1' as InstanceId), [{ step: 'base/slow', state: 'running' }])
  t.equal(linesOf('ended'), 0, 'it was in the middle')

  const second = await startDaemon()
  await until('it runs', async () => (await store.instance('i-1' as InstanceId))?.phase === 'running')
  t.same([linesOf('begun'), linesOf('ended')], [1, 1], 'the node went on, and nothing was done twice')
  t.match(await store.nodeSteps('i-1' as InstanceId), [
    { step: 'base/slow', state: 'interrupted', tries: 1 },
    { step: 'check', state: 'done' },
  ])
  const ended = once(second, 'close')
  second.kill('SIGKILL')
  await ended
})
