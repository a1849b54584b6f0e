import type { InstanceId, Tags } from './instance.js'
import { isFree, type Machine } from './machine.js'

/** One machine as the API sends it in a list: a machine without its facts, times as ISO 8601. */
export type Summary = Omit<Machine, 'facts' | 'hold' | 'instance' | 'tags' | 'firstSeen' | 'lastSeen'> & {
  readonly reservedFor?: string // the user
  readonly instance?: InstanceId // that is not terminated
  readonly free: boolean // discovered, and nobody's
  readonly tags: Tags
  readonly firstSeen: string
  readonly lastSeen: string
}

/** One machine in full, `GET /api/v1/systems/:system`. */
export type Description = Summary & Pick<Machine, 'facts'>

export function descriptionOf(machine: Machine): Description {
  const { firstSeen, lastSeen, hold, instance, tags = {}, ...told } = machine
  return {
    ...told,
    ...(hold && { reservedFor: hold.user }),
    ...(instance && { instance: instance.id }),
    free: isFree(machine),
    tags,
    firstSeen: firstSeen.toISOString(),
    lastSeen: lastSeen.toISOString(),
  }
}

export function summaryOf({ facts: _, ...machine }: Machine): Summary {
  return descriptionOf(machine)
}
