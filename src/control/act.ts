import type { EventKind } from '../core/events.js'
import type { Machine, MachineEvent, MachineId, MachineState } from '../core/machine.js'
import { after } from '../core/machine.js'
import { DEFAULT_GROUP, defaultName } from '../core/naming.js'
import { withFolded } from '../core/observed.js'
import type { Writes } from '../io/store.js'
import type { Mac } from '../wire/mac.js'

/** `random(n)`: n bytes that nobody can guess. */
export type Random = (bytes: number) => Buffer

export type Noted = { machine: MachineId; kind: EventKind; text: string }

/** One transaction on the inventory: what it may do, and what it noted. */
export type Act = {
  readonly tx: Writes
  readonly at: Date
  readonly random: Random
  readonly noted: Noted[]
  note(machine: MachineId, kind: EventKind, text: string, data?: Record<string, unknown>): Promise<void>
}

const LONGEST_TEXT = 1000

export function act(tx: Writes, at: Date, random: Random): Act {
  const noted: Noted[] = []
  const note: Act['note'] = async (machine, kind, text, data) => {
    const line = text.slice(0, LONGEST_TEXT)
    await tx.addEvent({ at, machine, kind, text: line, ...(data === undefined ? {} : { data }) })
    noted.push({ machine, kind, text: line })
  }
  return { tx, at, random, noted, note }
}

/**
 * Packets cost nothing to forge, so a flood of invented MACs could fill the disk. From this many records on, a new
 * one takes the place of those that were only observed, longest unseen first.
 */
const MOST_MACHINES = 20_000
const FORGET_AT_ONCE = 100

/** A new record in state `seen`. The caller notes why it came to be. */
export async function createMachine({ tx, at, random }: Act, mac: Mac): Promise<Machine> {
  if ((await tx.count()) >= MOST_MACHINES) await tx.forgetObserved(FORGET_AT_ONCE)
  const machine: Machine = {
    id: `m-${random(6).toString('hex')}` as MachineId,
    name: await freeName(tx, mac),
    group: DEFAULT_GROUP,
    state: 'seen',
    localBoot: 'auto',
    macs: [mac],
    firstSeen: at,
    lastSeen: at,
  }
  await tx.insert(machine)
  return machine
}

async function freeName(tx: Writes, mac: Mac): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const name = defaultName(mac, attempt)
    if (!(await tx.find(name))) return name
  }
}

/** Folds records that are the same machine and hold nothing but observations; returns the machine, not saved. */
export async function foldInto(
  { tx, note }: Act,
  machine: Machine,
  folded: readonly Machine[],
): Promise<Machine> {
  let whole = machine
  for (const record of folded) {
    await tx.fold(record.id, machine.id)
    whole = withFolded(whole, record)
    await note(machine.id, 'merged', `${record.name} (${record.id}) is this machine: its events came over`, {
      from: record.id,
      macs: record.macs,
    })
  }
  return whole
}

/** Moves the machine to the state that the event leads to; undefined when the table has none. Not saved. */
export async function step(
  { note }: Act,
  machine: Machine,
  event: MachineEvent,
): Promise<Machine | undefined> {
  const state = reached(machine, event)
  if (state === undefined) return undefined
  if (state !== machine.state) await note(machine.id, 'state', `${machine.state} -> ${state} (${event})`)
  return { ...machine, state }
}

/** A machine that comes back to `seen` and whose facts are kept is discovered at once. */
function reached(machine: Machine, event: MachineEvent): MachineState | undefined {
  const state = after(machine.state, event)
  return state === 'seen' && machine.facts ? after(state, 'facts') : state
}
