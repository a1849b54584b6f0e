/** Milliseconds until the next try, after so many: 2 s, 4 s, … 60 s. */
export const pauseAfter = (tries: number): number => Math.min(2 ** Math.min(tries, 6), 60) * 1000
