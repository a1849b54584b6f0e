import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openAuthority } from '../../src/io/certificates.js'
import { granted, repeatable } from '../control/example.js'
import { requestFor } from '../support/openssl.js'

/** Two nodes that speak TLS with the certificates that they were given, as OpenSSL sees it from both ends. */

const BOUND_MS = 30_000

/** For each name the options by which openssl shows the certificate that it was given. */
async function issued(folder: string, names: readonly string[]) {
  const authority = await openAuthority(folder, new Date(), repeatable())
  const issue = async (name: string) => {
    const at = (ending: string) => join(folder, `${name}.${ending}`)
    const asked = { request: requestFor(at('key')), names: [name], addresses: ['127.0.0.1'], now: new Date() }
    const { certificate } = granted(await authority.signNode({ ...asked, random: repeatable(name) }))
    writeFileSync(at('pem'), certificate)
    return ['-cert', at('pem'), '-key', at('key')]
  }
  return Promise.all(names.map(issue))
}

/** A server that asks each client for a certificate and answers what the client is called. */
async function serve(t: Test, own: readonly string[], ca: string): Promise<string> {
  const words = ['s_server', '-accept', '127.0.0.1:0', ...own, '-CAfile', ca, '-Verify', '1', '-www']
  const server: ChildProcess = spawn('openssl', [...words, '-verify_return_error'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => server.kill())
  let told = ''
  server.stderr?.resume()
  const end = AbortSignal.timeout(BOUND_MS)
  while (!/ACCEPT (\S+:\d+)/.test(told)) {
    const [data] = await once(server.stdout ?? server, 'data', { signal: end })
    told += data
  }
  server.stdout?.resume()
  return /ACCEPT (\S+:\d+)/.exec(told)?.[1] ?? ''
}

/** One request; what OpenSSL and the server told of it. */
function call(to: string, ...words: string[]) {
  const args = ['s_client', '-connect', to, '-verify_return_error', '-quiet', ...words]
  const ran = spawnSync('openssl', args, {
    ...{ input: 'GET / HTTP/1.0\r\n\r\n', encoding: 'utf8', timeout: BOUND_MS },
  })
  return ran.stdout + ran.stderr
}

t.test('both ends know each other by the authority', async t => {
  const folder = t.testdir({ other: {} })
  const [web, db] = await issued(folder, ['web', 'db'])
  const ca = join(folder, 'ca', 'cert.pem')
  const to = await serve(t, web ?? [], ca)
  const client = [...(db ?? []), '-CAfile', ca]

  const good = call(to, ...client, '-verify_hostname', 'web')
  t.match(good, /HTTP\/1.0 200 ok[\s\S]*CN ?= ?db/, 'the server saw the client')
  t.match(call(to, ...client, '-verify_ip', '127.0.0.1'), /200 ok/)
  t.match(call(to, ...client, '-verify_hostname', 'db'), /hostname mismatch/i)

  const [other] = await issued(join(folder, 'other'), ['db'])
  const otherCa = join(folder, 'other', 'ca', 'cert.pem')
  t.match(call(to, ...client.slice(0, 4), '-CAfile', otherCa), /verify error|verification failed/i)
  t.notMatch(call(to, ...(other ?? []), '-CAfile', ca), /200 ok/, 'of another authority')
  t.notMatch(call(to, '-CAfile', ca), /200 ok/, 'without a certificate')
  t.match(call(to, ...client, '-verify_hostname', 'web'), /200 ok/, 'it serves on')
})
