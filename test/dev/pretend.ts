import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import type { ReservationView } from '../../src/core/instanceView.js'
import { createMachine, type Machine, type Room } from './machine.js'
import { type Pretended, ROOM } from './machines.js'
import { pretendSupplies } from './supplies.js'

/**
 * usage: pretend BOOT_URL API_URL STATE_DIR
 * Machines that netboot from a daemon for as long as this runs, install what they are told to, phone home and come back
 * when they are given back, through the routes that real ones use. What stands beside them presses their buttons.
 */
const [url = '', api = '', stateDir = ''] = process.argv.slice(2)

const STEP_MS = 1_500 // what stands for firmware, a kernel, a tenth of an installation
const LOOK_MS = 3_000
const OFF_MS = 60_000 // until somebody presses the button again

async function ask<T>(path: string, options: RequestInit = {}): Promise<T> {
  const token = (await readFile(`${stateDir}/api-token`, 'utf8')).trim()
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const signal = AbortSignal.timeout(10_000)
  const response = await fetch(`${api}/api/v1/${path}`, { ...options, headers, signal })
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  return (await response.json()) as T
}

/** What the owner of this room does with a machine as soon as it is known. */
async function own({ group, owner }: Pretended, name: string): Promise<void> {
  if (group) await ask(`systems/${name}`, { method: 'PATCH', body: JSON.stringify({ group }) })
  if (owner) await ask(`systems/${name}/${owner}`, { method: 'POST' })
}

/** A real node is reached over SSH; these have nobody who listens, so somebody walks there. */
async function pressButtons(machines: readonly Machine[]): Promise<void> {
  const idle = new Map<Machine, number>()
  for (;;) {
    await pause(LOOK_MS)
    const reservations = await ask<ReservationView[]>('instances').catch(() => [])
    const leaving = reservations
      .flatMap(({ instances }) => instances)
      .filter(({ state }) => state === 'shutting-down')
      .map(({ system }) => system)
    for (const machine of machines) {
      const since = IDLE.includes(machine.does) ? (idle.get(machine) ?? 0) + LOOK_MS : 0
      idle.set(machine, since)
      const back = machine.does === 'runs' && leaving.includes(machine.name ?? '')
      if (back || since > OFF_MS) machine.reset()
    }
  }
}
const IDLE = ['is off', 'hangs', 'runs its own disk']

/** The daemon is started at the same time. */
async function daemonIsUp(): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if ((await fetch(`${url}/healthz`).catch(() => undefined))?.ok) return
    await pause(200)
  }
  throw new Error(`no daemon on ${url} within 20 s`)
}

await pretendSupplies(stateDir, new Date())
await daemonIsUp()
const room: Room = {
  url,
  stepMs: STEP_MS,
  closed: new AbortController().signal,
  log: text => console.log(text),
  onKnown: own,
}
const machines = ROOM.map(spec => createMachine(spec, room))
await Promise.all([...machines.map(machine => machine.live()), pressButtons(machines)])
