import { type Identity, isSame, SAME, score } from './identity.js'
import type { Machine } from './machine.js'

/**
 * Whose report is this? The rule that keeps states where they belong: a report gets the state of a record only when
 * {@link score} calls them the same machine. Less (a UUID alone, a MAC against another serial) leads to a record of
 * its own, in state `seen`, with a note on what it may be. A record that is still `seen` holds nothing but
 * observations, so it can be folded into the one that turns out to be its machine; no other record ever is.
 */

type Candidate = Pick<Machine, 'id' | 'state' | 'firstSeen'> & Identity

export type Recognised<C> = {
  readonly same?: C // none: it is a new machine
  readonly fold: readonly C[] // records that are the same machine and hold nothing but observations
  readonly suspects: readonly C[] // they share a UUID or a serial, but not enough
}

/** Best first. Ties go to the record that is known longer, so the order of candidates never matters. */
const ranked = <C extends Candidate>(candidates: readonly C[], claim: Identity): C[] =>
  candidates
    .map(candidate => ({ candidate, ...score(candidate, claim) }))
    .filter(({ score }) => score >= SAME)
    .sort(
      (a, b) =>
        b.score - a.score ||
        a.candidate.firstSeen.getTime() - b.candidate.firstSeen.getTime() ||
        (a.candidate.id < b.candidate.id ? -1 : 1),
    )
    .map(({ candidate }) => candidate)

export const onlyObserved = (machine: Pick<Machine, 'state'>): boolean => machine.state === 'seen'

/** Two records can be one machine: no UUID or serial of theirs speaks against it. */
const compatible = (a: Identity, b: Identity): boolean => score(a, b).differ.length === 0

/** Decides on what iPXE reports: one MAC, perhaps UUID and serials. */
export function recognise<C extends Candidate>(candidates: readonly C[], claim: Identity): Recognised<C> {
  const matches = ranked(candidates, claim)
  const same = matches.find(machine => !onlyObserved(machine)) ?? matches[0]
  const fold = matches.filter(
    machine => machine !== same && same !== undefined && onlyObserved(machine) && compatible(machine, same),
  )
  const suspects = candidates.filter(
    candidate =>
      !matches.includes(candidate) && score(candidate, claim).agree.some(kind => kind !== 'chassis'),
  )
  return same === undefined ? { fold, suspects } : { same, fold, suspects }
}

export type FactsVerdict<C> =
  | { is: 'own'; fold: readonly C[] } // they are of the machine that the token was made for
  | { is: 'known'; machine: C; fold: readonly C[] } // of this one: the token's record was only observed
  | { is: 'new' } // the token's machine was taken for another one: they are two
  | { is: 'forbidden'; machine: C } // a machine speaks as another one

/**
 * Decides on the scout's facts. `own` is the record that the token was made for, `before` the identity that its
 * earlier facts told, if any: those came from the hardware itself, while a record's MACs grow with every guess.
 * A record is folded into a known machine only on two pieces of evidence: one MAC may be a card that was moved.
 */
export function judgeFacts<C extends Candidate>(
  own: C,
  before: Identity | undefined,
  claim: Identity,
  candidates: readonly C[],
): FactsVerdict<C> {
  const known = before ?? own
  const others = candidates.filter(candidate => candidate.id !== own.id)
  const fold = others.filter(other => onlyObserved(other) && isSame(other, claim) && compatible(other, claim))

  const proven = ranked(others, claim).find(
    other => !onlyObserved(other) && compatible(own, other) && score(other, claim).agree.length > 1,
  )
  if (proven && onlyObserved(own)) return { is: 'known', machine: proven, fold: [own, ...fold] }

  const rival = ranked(others, claim).find(
    other => !fold.includes(other) && score(other, claim).score > score(known, claim).score,
  )
  if (rival) return { is: 'forbidden', machine: rival }
  return before === undefined || isSame(before, claim) ? { is: 'own', fold } : { is: 'new' }
}
