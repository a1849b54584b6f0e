import type { InstanceRecord } from '../core/instance.js'
import type { Machine } from '../core/machine.js'
import type { Act } from './act.js'
import type { Job } from './instances.js'

/** What a token stands for, with all that answers are made from. */
export async function jobOf(
  act: Act,
  machine: Machine,
  { instance, token }: { instance: InstanceRecord; token: string },
): Promise<Job> {
  const userData = await act.tx.userData(instance.id)
  return {
    task: instance.phase === 'shutting-down' ? 'wipe' : 'install',
    ...{ instance, machine, profile: instance.snapshot, token },
    ...(userData === undefined ? {} : { userData }),
  }
}
