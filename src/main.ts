import { VERSION } from './config/version.js'
import type { Config } from './config.js'
import { createLog, type Log } from './io/log.js'
import { explain } from './main/explain.js'
import { openListeners } from './main/listeners.js'
import { type Closable, createParts } from './main/parts.js'
import { openState } from './main/state.js'
import { urlOf } from './main/url.js'

export { probePorts } from './main/probe.js'
export { explain }

/**
 * Runs until SIGTERM or SIGINT, then closes every part.
 * Answers nothing after a clean end, or one line that says why it could not start or go on.
 */
export async function runDaemon(config: Config): Promise<string | undefined> {
  const log = createLog({ level: config.logLevel, debug: config.debug })
  const told = log.area('daemon')
  const end = untilTold()
  const daemon = await startDaemon(config, log).catch((cause: unknown) => explain(cause, config))
  if (typeof daemon === 'string') return daemon
  const { signal, fault } = await end
  if (fault) told.fatal({ err: fault }, 'stopping after a fault')
  else told.info({ signal }, 'stopping')
  await daemon.close()
  told.info('stopped')
  log.flush()
  return fault && `stopped by a fault: ${fault.message}`
}

type End = { signal: NodeJS.Signals; fault?: never } | { signal?: never; fault: Error }

/**
 * The first signal, or the first error that nobody caught: after one the state of a part cannot be trusted. A signal
 * often comes twice (Ctrl-C reaches npm, which passes it on, and us); the second must not cut the closing short.
 */
function untilTold(): Promise<End> {
  return new Promise(resolve => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve({ signal }))
    const failed = (reason: unknown) =>
      resolve({ fault: reason instanceof Error ? reason : new Error(String(reason)) })
    process.on('uncaughtException', failed)
    process.on('unhandledRejection', failed)
  })
}

/** Opens every part; when one cannot be opened, those before it are closed again and its error is thrown. */
export async function startDaemon(config: Config, log: Log): Promise<Closable> {
  const told = log.area('daemon')
  const parts = createParts(told)
  try {
    const state = await openState(config, log, parts.keep)
    await openListeners(config, state, log, parts.keep)
    const api = `http://${config.apiAddress}:${config.apiPort}`
    told.info({ version: VERSION, interface: config.interface, url: urlOf(config), api }, 'ready')
    if (!state.files.scoutFile('initrd')) told.warn("the scout is missing: make it with 'muster scout build'")
  } catch (cause) {
    await parts.close()
    throw cause
  }
  return parts
}
