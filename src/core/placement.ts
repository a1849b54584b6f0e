import { parseMac } from '../wire/mac.js'
import { type Fields, type Filter, largestDisk, matches } from './filter.js'
import type { Phase } from './instance.js'
import type { Machine } from './machine.js'
import { bySize, type Preference } from './preference.js'
import { type Refusal, refuse } from './refusal.js'

/** One of all machines, and what keeps it from being taken. */
export type Candidate = {
  readonly machine: Machine // without facts
  readonly fields: Fields // of the system, for the filters
  readonly hold?: { readonly user: string } | undefined // by a reservation
  readonly instance?: Phase | undefined // of its live instance
  readonly present: boolean // it sits in the scout
  readonly unsuitable?: string | undefined // why this cannot be installed there: `no suitable disk: …`
}

export type PlacementRequest = {
  readonly user: string
  readonly for: 'run' | 'reserve' // to run, what the user has reserved goes first; it is not reserved again
  readonly count?: number | undefined // 1 unless systems are named
  readonly systems?: readonly string[] | undefined // ids, names or MACs; all of them
  readonly group?: string | undefined
  readonly filters: readonly Filter[]
  readonly prefer: Preference
}

const MOST = 1000

/**
 * Chooses machines, in the order in which they are to be used. The same machines in any order and the same request
 * give the same choice. The refusal counts what keeps each machine from being taken.
 */
export function place(all: readonly Candidate[], request: PlacementRequest): Candidate[] | Refusal {
  const { group, systems, count = systems?.length ?? 1 } = request
  if (!Number.isInteger(count) || count < 1 || count > MOST)
    return refuse('invalid', `ask for 1 to ${MOST} systems`)
  if (group !== undefined && !all.some(({ machine }) => machine.group === group))
    return unknownGroup(group, all)
  return systems ? placeNamed(all, systems, request) : placeAny(all, count, request)
}

function placeAny(
  all: readonly Candidate[],
  count: number,
  request: PlacementRequest,
): Candidate[] | Refusal {
  const inGroup = all.filter(({ machine }) => request.group === undefined || machine.group === request.group)
  const free = inGroup.filter(candidate => hindrance(candidate, request) === undefined)
  if (free.length < count) return notEnough(count, inGroup, request)
  return free.sort(byRank(request)).slice(0, count)
}

function placeNamed(
  all: readonly Candidate[],
  systems: readonly string[],
  request: PlacementRequest,
): Candidate[] | Refusal {
  const chosen = new Set<Candidate>()
  const faults: string[] = []
  for (const system of systems) {
    const candidate = named(all, system)
    if (!candidate)
      return refuse('not-found', `there is no system ${system.slice(0, 80)}: describe-systems lists them all`)
    const fault = faultOfNamed(candidate, request)
    if (fault && !chosen.has(candidate)) faults.push(`${candidate.machine.name} ${fault}`)
    chosen.add(candidate)
  }
  if (request.count !== undefined && request.count !== chosen.size)
    return refuse('invalid', `asked ${request.count}, named ${chosen.size}: leave the count out`)
  return faults.length === 0 ? [...chosen] : refuse('conflict', `not available: ${faults.join('; ')}`)
}

function named(all: readonly Candidate[], system: string): Candidate | undefined {
  const mac = parseMac(system)
  return (
    all.find(({ machine }) => machine.id === system) ??
    all.find(({ machine }) => machine.name === system) ??
    (mac && all.find(({ machine }) => machine.macs.includes(mac)))
  )
}

function faultOfNamed(candidate: Candidate, request: PlacementRequest): string | undefined {
  const { machine, unsuitable } = candidate
  if (request.group !== undefined && machine.group !== request.group)
    return `is in group ${machine.group}, not in ${request.group}`
  const kept = hindrance(candidate, request)
  if (kept === undefined) return undefined
  return kept === 'unsuitable' && unsuitable ? `cannot carry it: ${unsuitable}` : HINDRANCES[kept].one
}

/** What keeps a machine from being taken, gravest last; the first that applies counts. */
const HINDRANCES = {
  filtered: { one: 'does not match the filter', many: 'not matching the filter' },
  protected: { one: 'is protected: unprotect-system first', many: 'protected' },
  failed: {
    one: 'has a failed instance: retry-instances or terminate-instances first',
    many: 'with a failed instance',
  },
  leaving: { one: 'is still shutting down', many: 'shutting down' },
  busy: { one: 'is in use: terminate-instances frees it', many: 'in use' },
  taken: { one: 'is reserved by somebody else', many: 'reserved by others' },
  own: { one: 'is reserved already', many: 'reserved already' },
  local: { one: 'boots its own disk: enable-netboot first', many: 'with netboot disabled' },
  unknown: {
    one: 'is not discovered yet: let it netboot into the scout once',
    many: 'not discovered yet',
  },
  unsuitable: { one: 'does not suit', many: 'unsuitable' },
} as const
type Hindrance = keyof typeof HINDRANCES

function hindrance(candidate: Candidate, { filters, user, for: aim }: PlacementRequest) {
  const { machine, fields, hold, instance, unsuitable } = candidate
  const applies: Record<Hindrance, boolean> = {
    filtered: !matches(filters, fields),
    protected: machine.state === 'protected',
    failed: instance === 'failed',
    leaving: instance === 'shutting-down',
    busy: instance !== undefined && instance !== 'terminated',
    taken: hold !== undefined && hold.user !== user,
    own: hold !== undefined && aim === 'reserve',
    local: machine.state === 'local',
    unknown: machine.state === 'seen',
    unsuitable: unsuitable !== undefined,
  }
  return (Object.keys(HINDRANCES) as Hindrance[]).find(kind => applies[kind])
}

/** Reserved ones, those that wait in the scout, then as preferred. */
const byRank =
  ({ prefer }: PlacementRequest) =>
  (a: Candidate, b: Candidate): number =>
    Number(b.hold !== undefined) - Number(a.hold !== undefined) ||
    Number(b.present) - Number(a.present) ||
    bySize(prefer, sizeOf(a), sizeOf(b)) ||
    compare(a.machine.name, b.machine.name) ||
    compare(a.machine.id, b.machine.id)

const sizeOf = ({ machine }: Candidate) => ({
  cores: machine.cores,
  memory: machine.memory,
  disk: largestDisk(machine),
})

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

function notEnough(count: number, inGroup: readonly Candidate[], request: PlacementRequest): Refusal {
  const kept = (Object.keys(HINDRANCES) as Hindrance[]).flatMap(kind => {
    const some = inGroup.filter(candidate => hindrance(candidate, request) === kind)
    return some.length === 0 ? [] : [{ kind, some }]
  })
  const counts = kept.map(({ kind, some }) => `${some.length} ${HINDRANCES[kind].many}${example(kind, some)}`)
  const free = inGroup.length - kept.reduce((sum, { some }) => sum + some.length, 0)
  const because = counts.length > 0 ? ` (${counts.join(', ')})` : ''
  return refuse('conflict', `not enough resources: asked ${count}, free ${free}${because}`)
}

/** Why a machine does not suit differs from one to the next: the first by name stands for all. */
function example(kind: Hindrance, some: readonly Candidate[]): string {
  const [first] = some.toSorted((a, b) => compare(a.machine.name, b.machine.name))
  return kind === 'unsuitable' && first ? `: ${first.machine.name}: ${first.unsuitable}` : ''
}

function unknownGroup(group: string, all: readonly Candidate[]): Refusal {
  const groups = [...new Set(all.map(({ machine }) => machine.group))].sort()
  const known = groups.length > 0 ? `groups: ${groups.join(', ')}` : 'no machine is known yet'
  return refuse('not-found', `there is no system in group ${group.slice(0, 80)}; ${known}`)
}
