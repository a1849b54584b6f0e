import type { Config } from '../config.js'

/** Node's own, with the port that could not be opened. */
type SystemError = Error & { code: string; syscall: string; port?: number; address?: string }

/** One line for people: what is wrong, and what to do about it. */
export function explain(cause: unknown, config: Config): string {
  if (!(cause instanceof Error)) return String(cause)
  const error = systemErrorIn(cause)
  if (error?.syscall === 'bind' || error?.syscall === 'listen') return explainPort(error, config)
  if (error && error.code in STATE_DIR)
    return `cannot use the state directory ${config.stateDir}: ${error.message}; ${STATE_DIR[error.code]}`
  return cause.message
}

const WRITABLE = 'make it writable for this user, or choose another with --state-dir'
const STATE_DIR: Record<string, string> = {
  EACCES: WRITABLE,
  EPERM: WRITABLE,
  EROFS: WRITABLE,
  ENOTDIR: WRITABLE,
  EEXIST: 'it is a file: choose another with --state-dir',
  ENOSPC: 'make room on its file system, or choose another with --state-dir',
}

/** Parts wrap what the system said in what they were doing. */
function systemErrorIn(error: Error): SystemError | undefined {
  const isSystem = 'code' in error && 'syscall' in error
  if (isSystem) return error as SystemError
  return error.cause instanceof Error ? systemErrorIn(error.cause) : undefined
}

function explainPort({ port, address, code, message }: SystemError, config: Config): string {
  const ports = [
    ['dhcp-port', config.dhcpPort, 'UDP'],
    ['pxe-port', config.pxePort, 'UDP'],
    ['tftp-port', config.tftpPort, 'UDP'],
    ['http-port', config.httpPort, 'TCP'],
    ['api-port', config.apiPort, 'TCP'],
  ] as const
  const [flag, , protocol] = ports.find(([, known]) => known === port) ?? ['api-port', 0, 'the']
  const where = `${protocol} port ${port} of ${address}`
  if (code === 'EADDRINUSE')
    return `${where} is taken by another program ('ss -anp sport = :${port}' shows which): stop that, or choose another port with --${flag}`
  if (code === 'EACCES')
    return `no right to open ${where}: run as root through npm start, or choose a port above 1023 with --${flag}`
  if (code === 'EADDRNOTAVAIL')
    return `cannot open ${where}: no interface that is up has this address; see --interface, --address and --api-address`
  return `cannot open ${where}: ${message}`
}
