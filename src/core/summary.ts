import type { Machine } from './machine.js'

/** One machine in a list: what `GET /api/v1/systems` answers and describe-systems prints. Sizes are bytes. */
export type Summary = Omit<Machine, 'facts' | 'firstSeen' | 'lastSeen'> & {
  cores?: number
  memory?: number
  disks: { name: string; size: number }[]
  firstSeen: string // ISO 8601
  lastSeen: string
}

/** One machine in full, `GET /api/v1/systems/:id`. */
export type Description = Summary & Pick<Machine, 'facts'>

/** Cores, memory and disks are absent or empty until the scout has posted its facts. */
export function summaryOf({ facts, firstSeen, lastSeen, ...machine }: Machine): Summary {
  return {
    ...machine,
    ...(facts && { cores: facts.cpu.cores, memory: facts.memory.installed }),
    disks: (facts?.disks ?? []).map(({ name, size }) => ({ name, size })),
    firstSeen: firstSeen.toISOString(),
    lastSeen: lastSeen.toISOString(),
  }
}

export function descriptionOf(machine: Machine): Description {
  return { ...summaryOf(machine), ...(machine.facts && { facts: machine.facts }) }
}
