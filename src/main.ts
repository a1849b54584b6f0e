import { access, constants, mkdir } from 'node:fs/promises'
import type { Config } from './config.js'
import { createLog, type Log } from './io/log.js'

/** Something that runs until it is closed. Parts are closed in the reverse order of their start. */
type Part = { readonly name: string; close(): Promise<void> }

export type Daemon = { close(): Promise<void> }

/** A part that does not close within this time is left behind; its data was written long before. */
const CLOSE_MS = 5_000

/**
 * Runs until SIGTERM or SIGINT, then closes every part.
 * Returns nothing after a clean end, or one line that says why it could not start or go on.
 */
export async function runDaemon(config: Config): Promise<string | undefined> {
  const log = createLog({ level: config.logLevel, debug: config.debug })
  const main = log.area('daemon')
  const end = untilTold()
  const daemon = await startDaemon(config, log).catch((cause: unknown) => explain(cause, config))
  if (typeof daemon === 'string') return daemon
  const why = await end
  main.info(why.fault ? { err: why.fault } : { signal: why.signal }, 'stopping')
  await daemon.close()
  main.info('stopped')
  log.flush()
  return why.fault && `stopped by a fault: ${why.fault.message}`
}

type End = { signal: NodeJS.Signals; fault?: never } | { fault: Error; signal?: never }

/** The first signal, or the first error that nobody caught: after one the state of a part cannot be trusted. */
function untilTold(): Promise<End> {
  return new Promise(resolve => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve({ signal }))
    process.on('uncaughtException', fault => resolve({ fault }))
    process.on('unhandledRejection', reason =>
      resolve({ fault: reason instanceof Error ? reason : new Error(String(reason)) }),
    )
  })
}

/** Builds the parts; when one cannot start, those before it are closed again. */
export async function startDaemon(config: Config, log: Log): Promise<Daemon> {
  const started: Part[] = []
  const close = async () => {
    for (const part of started.toReversed()) await bounded(part, log)
  }
  try {
    await prepareStateDir(config.stateDir)
  } catch (cause) {
    await close()
    throw cause
  }
  log.area('daemon').info({ interface: config.interface, address: config.address }, 'serving')
  return { close }
}

async function prepareStateDir(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  await access(path, constants.R_OK | constants.W_OK | constants.X_OK)
}

async function bounded(part: Part, log: Log): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`does not close within ${CLOSE_MS / 1000} s`)), CLOSE_MS)
  })
  await Promise.race([part.close(), late]).catch((err: unknown) =>
    log.area('daemon').error({ err, part: part.name }, 'part did not close'),
  )
  clearTimeout(timer)
}

/** One line for people: what is wrong, and what to do about it. */
export function explain(cause: unknown, config: Config): string {
  const error = cause instanceof Error ? (cause as NodeJS.ErrnoException & { port?: number }) : undefined
  if (!error) return String(cause)
  if (error.syscall === 'bind' || error.syscall === 'listen') return explainPort(error, config)
  if (error.code === 'EACCES' || error.code === 'EROFS' || error.code === 'ENOSPC')
    return `cannot use the state directory ${config.stateDir}: ${error.message}; make it writable or choose another with --state-dir`
  return error.message
}

function explainPort(error: NodeJS.ErrnoException & { port?: number }, config: Config): string {
  const ports = [
    ['dhcp-port', config.dhcpPort, 'UDP'],
    ['pxe-port', config.pxePort, 'UDP'],
    ['tftp-port', config.tftpPort, 'UDP'],
    ['http-port', config.httpPort, 'TCP'],
    ['api-port', config.apiPort, 'TCP'],
  ] as const
  const [flag, , protocol] = ports.find(([, port]) => port === error.port) ?? ['address', 0, 'IP']
  const where = `${protocol} port ${error.port}`
  if (error.code === 'EADDRINUSE')
    return `${where} is taken: \`ss -lnp sport = :${error.port}\` shows by whom; stop that program or choose another port with --${flag}`
  if (error.code === 'EACCES')
    return `no right to open ${where}: run as root (npm start, or muster install-service), or choose a port above 1023 with --${flag}`
  return `cannot open ${where}: ${error.message}`
}
