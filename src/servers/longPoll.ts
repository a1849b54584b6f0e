/** Tells that something may have changed; returns what ends the subscription. */
export type Subscribe<Change> = (listener: (change: Change) => void) => () => void

/**
 * Looks, and looks again after each change, until something is there.
 * @param look gives undefined as long as there is nothing to tell
 * @param wait milliseconds after which the answer is undefined
 * @param ended aborts when the client is gone, a newer poll took over or the server closes: the answer is undefined
 */
export async function longPoll<T, Change>(o: {
  look: () => Promise<T | undefined>
  subscribe: Subscribe<Change>
  concerns: (change: Change) => boolean
  wait: number
  ended: AbortSignal
}): Promise<T | undefined> {
  let changed = false
  let wake = () => {}
  // Subscribed before the first look: a change between the look and the wait is seen.
  const unsubscribe = o.subscribe(change => {
    if (!o.concerns(change)) return
    changed = true
    wake()
  })
  const over = AbortSignal.any([o.ended, AbortSignal.timeout(o.wait)])
  over.addEventListener('abort', () => wake())
  try {
    for (;;) {
      changed = false
      const found = await o.look()
      if (found !== undefined || over.aborted) return found
      if (changed) continue
      await new Promise<void>(resolve => {
        wake = resolve
      })
      if (over.aborted) return undefined
    }
  } finally {
    unsubscribe()
  }
}
