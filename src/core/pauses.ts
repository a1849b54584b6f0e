/** Seconds until the next try, after so many: 2 s, 4 s, … 60 s. */
export const pauseAfter = (tries: number): number => Math.min(2 ** Math.min(tries, 6), 60)

/**
 * Seconds until a node that runs is looked at again at the latest: its certificate is renewed when 30 days are left, and a
 * look or two may fail.
 */
export const LOOK_S = 10 * 24 * 3600
/** The same, of one that is impaired as a step failed. */
export const IMPAIRED_S = 3600
/** Until a node is tried again that runs, and was out of reach for long. */
export const UNREACHED_S = 600
/** Until a node is asked again that waits for something else than its pool. */
export const WAITING_S = 60
