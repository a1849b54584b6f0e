import { MultiBar, type SingleBar } from 'cli-progress'
import type { Progress } from '../io/mmdebstrap.js'

/** One bar at a time; cli-progress shows none where there is no terminal. */
export function progressBars() {
  const bars = new MultiBar({ format: '{what} {bar} {percentage} %', hideCursor: true, barsize: 30 })
  let bar: SingleBar | undefined
  return {
    track:
      (title: string) =>
      ({ done, what }: Progress) => {
        const text = { what: `${title}: ${what}`.padEnd(50) }
        bar ??= bars.create(100, 0, text)
        bar.update(Math.round(done * 100), text)
      },
    finish() {
      bar?.update(100)
      bar = undefined
    },
    stop() {
      if (bars.isActive) bars.stop() // one that never began would print an empty line
    },
  }
}

export const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`

/** For people: why something could not be built in the state directory. */
export function explain(cause: unknown, stateDir: string): string {
  if (!(cause instanceof Error)) return String(cause)
  const denied = 'code' in cause && ['EACCES', 'EPERM', 'EROFS'].includes(String(cause.code))
  return denied
    ? `cannot write to ${stateDir} (${cause.message}): run this as root, or choose another --state-dir`
    : cause.message
}
