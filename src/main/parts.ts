import type { Logger } from 'pino'

export type Closable = { close(): Promise<void> }

/** Remembers a part that was opened, so that it gets closed. */
export type Keep = <P extends Closable>(name: string, part: P) => P

/** A part that does not close within this time is left behind; what it was told is in the database. */
const CLOSE_MS = 5_000

/** The open parts of the daemon. What is opened first is closed last: nobody hears what could not be kept. */
export function createParts(log: Logger): { keep: Keep; close(): Promise<void> } {
  const open: { name: string; part: Closable }[] = []
  return {
    keep(name, part) {
      open.push({ name, part })
      return part
    },
    async close() {
      for (const { name, part } of open.toReversed())
        await inTime(part.close()).catch((err: unknown) => log.error({ err, part: name }, 'cannot close'))
    },
  }
}

async function inTime(closed: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not closed within ${CLOSE_MS / 1000} s`)), CLOSE_MS)
  })
  await Promise.race([closed, late]).finally(() => clearTimeout(timer))
}
