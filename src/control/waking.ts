import type { InstanceId } from '../core/instance.js'
import type { Machine } from '../core/machine.js'
import { isRefusal, type Refusal, refuse } from '../core/refusal.js'
import { isOn, offAt, wakeAgainAt } from '../core/waking.js'
import type { Wake } from '../io/wakeOnLan.js'
import type { Act } from './act.js'
import type { Commits } from './commits.js'
import { lookUp, unknown } from './owning.js'

type Parts = { readonly commits: Commits; readonly wake: Wake }

/** Wakes the machine of an instance that is reserved, when it is off and it is time to; else notes when it will be. */
export async function wakeReserved({ commits, wake }: Parts, id: InstanceId): Promise<void> {
  const machine = await beginWake(commits, id)
  if (machine) await send({ commits, wake }, machine)
}

/** Counted before it is sent: a daemon that is killed meanwhile does not send it again. */
const beginWake = (commits: Commits, id: InstanceId): Promise<Machine | undefined> =>
  commits.commit(async act => {
    const instance = await act.tx.instance(id)
    if (instance?.phase !== 'reserved' || !instance.nextTry || instance.nextTry > act.at) return undefined
    const machine = await act.tx.brief(instance.machine)
    if (!machine || isOn(machine, act.at)) {
      const { nextTry: _, ...waiting } = instance
      await act.tx.saveInstance({ ...waiting, ...(machine && { nextTry: offAt(machine) }) })
      return undefined
    }
    const tries = instance.tries + 1
    await act.tx.saveInstance({ ...instance, tries, nextTry: wakeAgainAt(tries, act.at) })
    return machine
  })

/** For the owner, whatever state the machines are in; all or none. */
export async function wakeSystems(
  { commits, wake }: Parts,
  idsOrNames: readonly string[],
): Promise<Machine[] | Refusal> {
  const found = await commits.commit(act => wakeable(act, idsOrNames))
  if (isRefusal(found)) return found
  for (const machine of found) {
    const fault = await send({ commits, wake }, machine)
    if (fault !== undefined) return refuse('conflict', fault)
  }
  return found
}

async function wakeable(act: Act, idsOrNames: readonly string[]): Promise<Machine[] | Refusal> {
  const found: Machine[] = []
  for (const idOrName of idsOrNames) {
    const machine = await lookUp(act.tx, idOrName)
    if (!machine) return unknown(idOrName)
    if (!found.some(({ id }) => id === machine.id)) found.push(machine)
  }
  return found
}

/** One packet for each of its network cards: nobody knows which of them listens. Answers why nothing was sent. */
async function send({ commits, wake }: Parts, { id, macs }: Machine): Promise<string | undefined> {
  const fault = await wake(macs).then(
    () => undefined,
    (error: Error) => error.message,
  )
  const text = fault === undefined ? `magic packet to ${macs.join(', ')}` : `not woken: ${fault}`
  await commits.commit(act => act.note(id, 'wake', text))
  return fault
}
