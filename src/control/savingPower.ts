import { isFree, type MachineId } from '../core/machine.js'
import { isOn } from '../core/waking.js'
import type { Store } from '../io/store.js'
import type { Act } from './act.js'
import type { Commits } from './commits.js'
import { give } from './owning.js'

export type PowerSaving = {
  readonly store: Pick<Store, 'list'>
  readonly commits: Commits
  readonly now: () => Date
  readonly afterSeconds: number
}

const LOOK_EVERY_MS = 15_000

/**
 * Gives the power-off order to machines that have sat in the scout for so long with nobody wanting them. Only this
 * daemon's own time counts: after a restart it waits anew. To be called often; it looks every 15 s.
 */
export function savePower({ store, commits, now, afterSeconds }: PowerSaving): () => Promise<void> {
  let idle = new Map<MachineId, number>() // since when, in ms
  let looked = Number.NEGATIVE_INFINITY

  return async () => {
    const at = now()
    if (at.getTime() - looked < LOOK_EVERY_MS) return
    looked = at.getTime()
    const machines = (await store.list()).filter(machine => isFree(machine) && isOn(machine, at))
    idle = new Map(machines.map(({ id }) => [id, idle.get(id) ?? at.getTime()]))
    for (const [id, since] of idle)
      if (at.getTime() - since >= afterSeconds * 1000) {
        idle.delete(id)
        await commits.commit(act => powerOff(act, id))
      }
  }
}

/** Somebody may have taken it meanwhile. */
async function powerOff(act: Act, id: MachineId): Promise<void> {
  const machine = await act.tx.brief(id)
  if (machine && isFree(machine)) await give(act, machine, 'power-off')
}
