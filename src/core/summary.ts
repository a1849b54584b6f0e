import type { Machine } from './machine.js'

/** One machine as the API sends it in a list: a machine without its facts, times as ISO 8601. */
export type Summary = Omit<Machine, 'facts' | 'firstSeen' | 'lastSeen'> & {
  readonly firstSeen: string
  readonly lastSeen: string
}

/** One machine in full, `GET /api/v1/systems/:system`. */
export type Description = Summary & Pick<Machine, 'facts'>

export function descriptionOf({ firstSeen, lastSeen, ...machine }: Machine): Description {
  return { ...machine, firstSeen: firstSeen.toISOString(), lastSeen: lastSeen.toISOString() }
}

export function summaryOf({ facts: _, ...machine }: Machine): Summary {
  return descriptionOf(machine)
}
