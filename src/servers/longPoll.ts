/** Tells that something may have changed; returns what ends the subscription. */
export type Subscribe<Change> = (listener: (change: Change) => void) => () => void

/**
 * Looks, and looks again after each change, until something is there.
 * @param look gives undefined as long as there is nothing to tell
 * @param wait milliseconds after which the answer is undefined
 * @param ended one of them aborts when the client is gone, a newer poll took over or the server closes: the answer is
 *   undefined. Not one signal made by AbortSignal.any: what that makes stays in memory as long as the server's signal.
 */
export async function longPoll<T, Change>(o: {
  look: () => Promise<T | undefined>
  subscribe: Subscribe<Change>
  concerns: (change: Change) => boolean
  wait: number
  ended: readonly AbortSignal[]
}): Promise<T | undefined> {
  let changed = false
  let over = o.ended.some(signal => signal.aborted)
  let wake = () => {}
  const end = () => {
    over = true
    wake()
  }
  // Subscribed before the first look: a change between the look and the wait is seen.
  const unsubscribe = o.subscribe(change => {
    if (!o.concerns(change)) return
    changed = true
    wake()
  })
  for (const signal of o.ended) signal.addEventListener('abort', end)
  const timer = setTimeout(end, o.wait)
  try {
    for (;;) {
      changed = false
      const found = await o.look()
      if (found !== undefined || over) return found
      if (changed) continue
      await new Promise<void>(resolve => {
        wake = resolve
      })
      if (over) return undefined
    }
  } finally {
    clearTimeout(timer)
    for (const signal of o.ended) signal.removeEventListener('abort', end)
    unsubscribe()
  }
}
