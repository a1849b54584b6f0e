import { type DestinationStream, destination, type Logger, pino } from 'pino'

export type Log = {
  /** The logger of one part; its lines carry `area`. */
  area(name: string): Logger
  /** Writes out what is still in memory; for the last moments of the process. */
  flush(): void
}

/** Whatever is logged under these names, at any of the first levels, is a secret. */
const SECRET = ['token', 'authorization', 'password'].flatMap(key => [key, `*.${key}`, `*.*.${key}`])

/**
 * One line of JSON per event. `debug` names areas that speak at level debug whatever the level of the others.
 * Lines are handed to the kernel in the background: a slow reader of stdout must not hold up a DHCP answer.
 */
export function createLog(o: { level: string; debug: readonly string[]; to?: DestinationStream }): Log {
  const stdout = o.to ? undefined : destination({ fd: 1, sync: false })
  const root = pino(
    {
      level: o.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      redact: { paths: SECRET, censor: '[secret]' },
    },
    o.to ?? stdout ?? process.stdout,
  )
  const level = (area: string) => (o.debug.includes(area) && root.levelVal > 20 ? 'debug' : o.level)
  return {
    area: name => root.child({ area: name }, { level: level(name) }),
    flush: () => stdout?.flushSync(),
  }
}
