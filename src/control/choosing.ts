import type { InstanceRecord } from '../core/instance.js'
import { type Refusal, refuse } from '../core/refusal.js'
import type { Reads } from '../io/store.js'
import type { Chosen } from './instances.js'

export const unknownInstance = (idOrName: string): Refusal =>
  refuse('not-found', `there is no instance ${idOrName.slice(0, 80)}: describe-instances lists them`)

/** The instances that a command means: those named, or all of the user's that are not terminated. */
export async function chosenOf(
  reads: Reads,
  { instances, user }: Chosen,
): Promise<InstanceRecord[] | Refusal> {
  if (!instances)
    return user === undefined ? refuse('invalid', 'say which instances, or whose') : reads.instances({ user })
  const found = new Map<string, InstanceRecord>()
  for (const idOrName of instances) {
    const instance = await reads.findInstance(idOrName)
    if (!instance) return unknownInstance(idOrName)
    if (user !== undefined && instance.user !== user)
      return refuse('conflict', `${instance.id} (${instance.name}) is ${instance.user}'s, not ${user}'s`)
    found.set(instance.id, instance)
  }
  return [...found.values()]
}

/** The owner said of a machine that it is not to be touched; what has left its machine is no concern of it. */
export async function protectedOf(
  reads: Reads,
  chosen: readonly InstanceRecord[],
): Promise<Refusal | undefined> {
  for (const { id, machine, phase } of chosen) {
    const { state, name } = (await reads.brief(machine)) ?? {}
    if (state === 'protected' && phase !== 'terminated')
      return refuse('conflict', `${id} is on ${name}, which is protected: unprotect-system first`)
  }
  return undefined
}
