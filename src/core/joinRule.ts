import { type Fields, type Filter, matches, SYSTEM_FIELDS } from './filter.js'
import { isFree, type Machine } from './machine.js'
import { diskSize, memorySize } from './quantity.js'

/** A rule of the owner: free machines that meet it are installed and join a group with nobody asking. */
export type JoinRule = {
  readonly name: string // one word; unique
  readonly match: readonly Criterion[] // all must hold; none: every machine
  readonly group: string
  readonly profile: string
  readonly maximum?: number // instances of its own that are not terminated
  readonly minNodes?: number // that its group needs before it elects a master
  readonly user: string
  readonly enabled: boolean
}

/** One filter, and as it was written. */
export type Criterion = { readonly text: string; readonly filter: Filter }

/** The fewest nodes that rules ask for in a group. */
export const minNodesIn = (rules: readonly JoinRule[], group: string): number =>
  Math.max(1, ...rules.map(rule => (rule.enabled && rule.group === group ? (rule.minNodes ?? 1) : 1)))

/** Tag of an instance: the name of the rule that launched it. */
export const JOIN_TAG = 'muster:join-rule'

/** What a rule says to a machine; `wins` to one of all rules at most. */
export const VERDICTS = [
  'wins', // the first that matches and has room
  'behind', // it matches and has room, and another one wins
  'full',
  'unmatched',
  'disabled',
] as const
export type Verdict = (typeof VERDICTS)[number]

export type Judgement = { readonly rule: JoinRule; readonly is: Verdict; readonly why: string }

/**
 * What each rule says to a machine, in their order.
 * @param fields those of the system, for the filters
 * @param live how many instances that are not terminated each rule has launched, by its name
 */
export function judge(
  rules: readonly JoinRule[],
  fields: Fields,
  live: ReadonlyMap<string, number>,
): Judgement[] {
  const verdicts = rules.map(rule => ({ rule, ...verdictOf(rule, fields, live.get(rule.name) ?? 0) }))
  const winner = verdicts.findIndex(({ is }) => is === 'wins')
  return verdicts.map((verdict, n) =>
    verdict.is !== 'wins' || n === winner
      ? verdict
      : { ...verdict, is: 'behind', why: `matches, but ${rules[winner]?.name} comes first` },
  )
}

export const winnerOf = (judgements: readonly Judgement[]): JoinRule | undefined =>
  judgements.find(({ is }) => is === 'wins')?.rule

function verdictOf(
  { enabled, match, maximum }: JoinRule,
  fields: Fields,
  live: number,
): Omit<Judgement, 'rule'> {
  if (!enabled) return { is: 'disabled', why: 'is not enabled' }
  const missed = match.filter(({ filter }) => !matches([filter], fields))
  if (missed.length > 0)
    return { is: 'unmatched', why: missed.map(criterion => missedBy(criterion, fields)).join('; ') }
  if (maximum !== undefined && live >= maximum)
    return { is: 'full', why: `matches, but has ${live} of at most ${maximum} instances` }
  return { is: 'wins', why: match.length === 0 ? 'matches every machine' : 'matches, and comes first' }
}

const SHOWN: Readonly<Record<string, (value: number) => string>> = { memory: memorySize, disk: diskSize }

/** `cores>=4 does not hold: cores is 2` */
function missedBy({ text, filter: { field } }: Criterion, fields: Fields): string {
  const found = Object.hasOwn(fields, field) ? fields[field] : undefined
  const values = found === undefined ? [] : [found].flat()
  const shown = values.map(value => showValue(field, value)).join(', ')
  return `${text} does not hold: ${field} is ${shown || 'not known'}`
}

const showValue = (field: string, value: string | number) =>
  typeof value === 'number' ? (SHOWN[SYSTEM_FIELDS[field] ?? ''] ?? String)(value) : value

/** What keeps every rule from a machine; undefined for one that may join. Continues "NAME …". */
export function whyNotJoin(machine: Machine): string | undefined {
  const { state, hold, instance, rests } = machine
  if (state === 'protected') return 'is protected: unprotect-system first'
  if (instance) return `carries ${instance.id}, which is ${instance.phase}`
  if (hold) return `is reserved for ${hold.user}`
  if (state === 'local') return 'boots its own disk: enable-netboot first'
  if (!isFree(machine)) return 'is not discovered yet: let it netboot into the scout once'
  return rests ? 'rests since its instance was terminated: allow-join lets it join again' : undefined
}
