import { uuidKey } from '../core/identity.js'
import type { Machine, MachineId } from '../core/machine.js'
import { withSighting } from '../core/observed.js'
import type { Sighting } from '../core/sighting.js'
import type { Mac } from '../wire/mac.js'
import { type Act, createMachine } from './act.js'

/** Between two flushes; more is dropped and counted. A room full of machines sends a few hundred. */
const MOST_WAITING = 4_096

/** What was seen and not written yet. Answering a packet must not wait for a disk. */
export function createWaiting() {
  let sightings = new Map<string, Sighting>()
  let alive = new Map<MachineId, Date>()
  let dropped = 0
  return {
    /** The same machine and the same answer within one flush are one sighting. */
    add(sighting: Sighting): void {
      const key = `${sighting.mac} ${sighting.why}`
      if (sightings.size >= MOST_WAITING && !sightings.has(key)) dropped++
      else sightings.set(key, sighting)
    },
    /** A machine in the scout polls: that it lives is no event. */
    alive: (machine: MachineId, at: Date): void => void alive.set(machine, at),
    empty: () => sightings.size === 0 && alive.size === 0,
    dropped: () => dropped,
    takeAll() {
      const taken = { sightings: [...sightings.values()], alive: [...alive] }
      sightings = new Map()
      alive = new Map()
      return taken
    },
    takeOf(mac: Mac): Sighting[] {
      const mine = [...sightings].filter(([, sighting]) => sighting.mac === mac)
      for (const [key] of mine) sightings.delete(key)
      return mine.map(([, sighting]) => sighting)
    },
  }
}

/** A sighting gives no machine a state: the MAC alone says whose event it is, an unknown one makes a record. */
export async function see(act: Act, sighting: Sighting): Promise<void> {
  const { mac, uuid, why } = sighting
  const known = owner(await act.tx.sharing([`mac:${mac}`]), uuid)
  const machine = known ?? (await createMachine(act, mac))
  await act.tx.save(withSighting(machine, sighting))
  await act.note(machine.id, 'seen', `${mac} ${why}`, { mac, ...(uuid === undefined ? {} : { uuid }) })
}

/** Cards move, and some adapters share a MAC: the UUID decides between several, else the one that was seen last. */
function owner(machines: readonly Machine[], uuid: string | undefined): Machine | undefined {
  const key = uuid === undefined ? undefined : uuidKey(uuid)
  const byUuid = machines.find(({ uuid }) => key !== undefined && uuid !== undefined && uuidKey(uuid) === key)
  return byUuid ?? machines[0]
}
