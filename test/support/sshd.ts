import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { openSshKey } from '../../src/io/sshKey.js'

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

export const KEY_TYPES = ['ed25519', 'ecdsa', 'rsa'] as const

type Own = {
  types?: readonly (typeof KEY_TYPES)[number][] // of its host keys; all
  authorized?: string // instead of the daemon's key
  before?: string // its own settings, as a file of sshd_config.d is
}

/** OpenSSH's server on a loopback port, which lets the daemon's key in. */
export async function startSshd(t: Test, { types = KEY_TYPES, authorized, before = '' }: Own = {}) {
  const dir = t.testdir()
  const key = await openSshKey(dir)
  const at = (name: string) => join(dir, name)
  for (const type of KEY_TYPES)
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-f', at(type)], { stdio: 'ignore' })
  mkdirSync('/run/sshd', { recursive: true }) // its own, for the privileges that it gives away
  writeFileSync(at('authorized_keys'), authorized ?? `${key.public}\n`)
  writeFileSync(at('before.conf'), before)
  const port = await freePort()
  const settings = [
    `Include ${at('before.conf')}`,
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    ...types.map(type => `HostKey ${at(type)}`),
    `AuthorizedKeysFile ${at('authorized_keys')}`,
    'StrictModes no', // the folder is in /tmp, perhaps
    'PidFile none',
    'PermitRootLogin prohibit-password',
    'LogLevel VERBOSE',
  ]
  writeFileSync(at('sshd_config'), `${settings.join('\n')}\n`)
  const log: string[] = []
  const sshd = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', at('sshd_config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  t.teardown(() => sshd.kill())
  await new Promise<void>((resolve, reject) => {
    sshd.once('exit', () => reject(new Error(log.join(''))))
    sshd.stderr.on('data', data => {
      log.push(String(data))
      if (/Server listening/.test(log.join(''))) resolve()
    })
  })
  const publicKey = (type: string) =>
    readFileSync(at(`${type}.pub`), 'utf8')
      .split(' ')
      .slice(0, 2)
      .join(' ')
  const reach = {
    ...{ address: '127.0.0.1', port, user: userInfo().username, key: key.private },
    hostKeys: KEY_TYPES.map(publicKey),
  }
  return { dir, reach, publicKey, log, otherKey: () => openSshKey(at('other')) }
}
