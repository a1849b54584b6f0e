import { type InstanceId, type InstanceRecord, type Phase, STATE_OF } from './instance.js'
import type { Pool } from './pool.js'

/** A node that may become the master. What is not known of its hardware counts as more than anything that is. */
export type Candidate = {
  readonly id: InstanceId
  readonly cores?: number | undefined // physical: threads break no tie
  readonly memory?: number | undefined // bytes
  readonly serial?: string | undefined
}

/**
 * Fewest cores, then least memory, then serial, then id: the weakest machine manages, the others work. The same
 * candidates in any order give the same master; none only when there are none.
 */
export const electMaster = <C extends Candidate>(candidates: readonly C[]): C | undefined =>
  candidates.toSorted(byRank)[0]

const byRank = (a: Candidate, b: Candidate): number =>
  compare(a.cores, b.cores) ||
  compare(a.memory, b.memory) ||
  compare(a.serial, b.serial) ||
  compare(a.id, b.id)

/** Text by its code units: it must not depend on the locale of the daemon. */
function compare<V extends number | string>(a: V | undefined, b: V | undefined): number {
  if (a === b) return 0
  if (a === undefined) return 1
  return b === undefined || a < b ? -1 : 1
}

/** Nodes that can be spoken to: they see each other, and one of them is the master. */
export const isMember = ({ phase }: { readonly phase: Phase }): boolean =>
  phase === 'converging' || phase === 'running'

/** Nodes that an election waits for. Whether a reserved machine is switched on at all nobody knows. */
export const isComing = ({ phase }: { readonly phase: Phase }): boolean =>
  STATE_OF[phase] === 'pending' && phase !== 'reserved' && !isMember({ phase })

/** What is to be done about a pool's master. */
export type Verdict<C> =
  | { readonly kind: 'keep' }
  | { readonly kind: 'nobody' } // there is no node left
  | { readonly kind: 'wait'; readonly why: string }
  | { readonly kind: 'elect'; readonly master: C; readonly why: string }

const NAMED = 3 // of those that are waited for

/**
 * Judges a pool. The master stays as long as it lives. A pool that never had one waits until it has as many nodes as it
 * asked for and nobody is being installed any more; one that lost its master elects another at once.
 */
export function judge<C extends Candidate>(
  { master }: Pool,
  minNodes: number,
  members: readonly C[],
  coming: readonly { readonly name: string }[],
): Verdict<C> {
  if (members.length === 0) return { kind: 'nobody' }
  if (members.some(({ id }) => id === master)) return { kind: 'keep' }
  if (master === undefined) {
    if (members.length < minNodes)
      return { kind: 'wait', why: `waiting for nodes (${members.length}/${minNodes})` }
    if (coming.length > 0) return { kind: 'wait', why: `waiting for ${namesOf(coming)} to be installed` }
  }
  const elected = electMaster(members)
  return elected
    ? { kind: 'elect', master: elected, why: rankOf(elected, members.length) }
    : { kind: 'nobody' }
}

function namesOf(coming: readonly { readonly name: string }[]): string {
  const names = coming.map(({ name }) => name).toSorted()
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : ''
  return names.slice(0, NAMED).join(', ') + more
}

function rankOf({ cores }: Candidate, of: number): string {
  if (of === 1) return 'the only node'
  return `first of ${of} nodes by fewest cores (${cores ?? 'unknown'}), least memory, serial and id`
}

/** What became of a master that is not one any more. */
export const fateOf = (gone: Pick<InstanceRecord, 'phase' | 'group' | 'name'> | undefined, pool: string) =>
  gone === undefined
    ? 'the one before is gone'
    : gone.group === pool
      ? `the one before, ${gone.name}, ${gone.phase === 'failed' ? 'has failed' : `is ${gone.phase}`}`
      : `the one before, ${gone.name}, is in group ${gone.group} now`
