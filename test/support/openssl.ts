import { execFileSync } from 'node:child_process'

/** OpenSSL's own program, as nodes have it; what it wrote. @throws Error with its complaint */
export const openssl = (...args: string[]) =>
  execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 })

/** A new key in a file, and a request for it that asks for more than it is to get. */
export function requestFor(key: string, curve = 'P-256'): string {
  openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`, '-out', key)
  return openssl(
    ...['req', '-new', '-key', key, '-subj', '/O=evil/CN=other.example'],
    ...['-addext', 'subjectAltName=DNS:other.example,IP:192.0.2.99'],
    ...['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=keyCertSign'],
  )
}
