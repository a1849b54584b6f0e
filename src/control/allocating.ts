import { chooseDisk } from '../core/diskChoice.js'
import { parseFilters, SYSTEM_FIELDS, systemFields } from '../core/filter.js'
import type { ReserveRequest } from '../core/instanceView.js'
import type { Machine } from '../core/machine.js'
import { type Candidate, type PlacementRequest, place } from '../core/placement.js'
import { parsePreference } from '../core/preference.js'
import type { Profile } from '../core/profile.js'
import { isRefusal, type Refusal, refuse } from '../core/refusal.js'
import { isOn } from '../core/waking.js'
import type { Act } from './act.js'

/** What is asked for, understood; to be given to {@link allocate}. */
export function readWish(request: ReserveRequest, aim: 'run' | 'reserve'): PlacementRequest | Refusal {
  const { user, count, systems, group } = request
  const filters = parseFilters(request.filter ?? [], SYSTEM_FIELDS)
  if (isRefusal(filters)) return filters
  const prefer = parsePreference(request.prefer)
  if (isRefusal(prefer)) return prefer
  return { user, for: aim, count, systems, group, filters, prefer }
}

/** Machines, best first. In the transaction that takes them, so that nobody else can have them meanwhile. */
export async function allocate(act: Act, wish: PlacementRequest): Promise<Machine[] | Refusal> {
  const chosen = place(
    (await act.tx.list()).map(machine => candidateOf(machine, act.at)),
    wish,
  )
  return isRefusal(chosen) ? chosen : chosen.map(({ machine }) => machine)
}

export type Berth = { readonly machine: Machine; readonly profile: Profile; readonly disk: string }

/**
 * Machines that the profile can be installed on, and the disk of each. Facts are large and machines many, so only the
 * facts of those that were chosen are looked at; one that turns out not to suit is left out of the next choice.
 */
export async function allocateFor(
  act: Act,
  wish: PlacementRequest,
  profileOf: (machine: Machine) => Profile | Refusal,
): Promise<Berth[] | Refusal> {
  const machines = await act.tx.list()
  const unsuitable = new Map<string, string>()
  for (;;) {
    const candidates = machines.map(machine => ({
      ...candidateOf(machine, act.at),
      unsuitable: unsuitable.get(machine.id),
    }))
    const chosen = place(candidates, wish)
    if (isRefusal(chosen)) return chosen
    const berths: Berth[] = []
    for (const { machine } of chosen) {
      const berth = await berthOf(act, machine, profileOf)
      if (isRefusal(berth)) unsuitable.set(machine.id, berth.why)
      else berths.push(berth)
    }
    if (berths.length === chosen.length) return berths
  }
}

async function berthOf(
  act: Act,
  { id }: Machine,
  profileOf: (machine: Machine) => Profile | Refusal,
): Promise<Berth | Refusal> {
  const machine = await act.tx.find(id)
  if (!machine?.facts) return refuse('conflict', 'its hardware is not known')
  const profile = profileOf(machine)
  if (isRefusal(profile)) return profile
  const disk = chooseDisk(machine.facts, profile.disk)
  return isRefusal(disk) ? disk : { machine, profile, disk: disk.path }
}

const candidateOf = (machine: Machine, at: Date): Candidate => {
  const { hold, instance, tags, profile } = machine
  return {
    machine,
    fields: systemFields(machine, { user: hold?.user, instance: instance?.id, profile, tags }),
    hold,
    instance: instance?.phase,
    present: isOn(machine, at),
  }
}
