/** Text that grows (a serial console, a log) and can be waited upon. */
export type Transcript = {
  append(text: string): void
  text(): string
  /** The position now: give it to `waitFor` to look only at what comes after. */
  mark(): number
  /**
   * The first match at or after `from` (default: anywhere). Rejects after `timeoutMs`, or at once when the source has
   * ended, with the last lines in the message.
   */
  waitFor(pattern: RegExp, timeoutMs: number, from?: number): Promise<RegExpMatchArray>
  /** The source has ended: nothing will be appended any more. */
  end(why: string): void
}

const TAIL_LINES = 15

export function createTranscript(name: string): Transcript {
  const waiting = new Set<() => void>()
  let text = ''
  let ended: string | undefined
  const wake = () => {
    for (const check of [...waiting]) check()
  }
  const failure = (pattern: RegExp, why: string) =>
    new Error(
      `${name}: no ${pattern} (${why}); last lines:\n${text.split('\n').slice(-TAIL_LINES).join('\n')}`,
    )

  return {
    append(more) {
      text += more
      wake()
    },
    text: () => text,
    mark: () => text.length,
    end(why) {
      ended = why
      wake()
    },
    waitFor: (pattern, timeoutMs, from = 0) =>
      new Promise((resolve, reject) => {
        const settle = (act: () => void) => {
          waiting.delete(check)
          clearTimeout(timer)
          act()
        }
        const check = () => {
          const match = text.slice(from).match(pattern)
          if (match) settle(() => resolve(match))
          else if (ended !== undefined) settle(() => reject(failure(pattern, ended ?? '')))
        }
        const timer = setTimeout(
          () => settle(() => reject(failure(pattern, `after ${timeoutMs / 1000} s`))),
          timeoutMs,
        )
        waiting.add(check)
        check()
      }),
  }
}
