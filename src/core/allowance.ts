/**
 * Lets `most` through in each second. For log lines that anybody's packets cause: counters tell how many there were.
 * `now` is in milliseconds.
 */
export function createAllowance(most: number): (now: number) => boolean {
  let second = Number.NaN
  let passed = 0
  return now => {
    const current = Math.floor(now / 1000)
    if (current !== second) {
      second = current
      passed = 0
    }
    passed += 1
    return passed <= most
  }
}
