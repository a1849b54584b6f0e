import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { AnsibleInventory } from '../../src/core/ansible.js'
import type { InstanceId } from '../../src/core/instance.js'
import { daemonIn, MACS } from '../control/life.js'
import { createLan, type Lan } from '../lab/lib/namespaces.js'
import { run, runIn, startIn } from '../lab/lib/process.js'

/**
 * Debian's Ansible with the inventory script and the ansible.cfg that come with muster, against the real daemon and two
 * nodes: OpenSSH servers at addresses of their own, which Ansible knows by the keys that the daemon pinned and by nothing
 * else. Needs root for the namespace.
 */

const PROGRAM = new URL('../../dist/cli.js', import.meta.url).pathname
const ANSIBLE = new URL('../../ansible/', import.meta.url).pathname
const BOUND_MS = 120_000
const NODES = [
  { name: 'web-1', address: '10.77.0.11' },
  { name: 'web-2', address: '10.77.0.12' },
] as const

/** A private key in that file; answers the public one, without its comment. */
async function makeKey(file: string): Promise<string> {
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file])
  return readFileSync(`${file}.pub`, 'utf8').trim()
}

/** What the daemon knows when it starts: two nodes that run, one of which says odd things about its hardware. */
async function remember(t: Test, stateDir: string, hostKeys: Readonly<Record<string, string>>) {
  const d = await daemonIn(t, { stateDir, at: new Date() })
  for (const own of MACS.slice(0, 2)) await d.scout(own)
  const instances = await d.run({ count: 2, group: 'default' })
  await d.store.transaction(async tx => {
    for (const [n, { name, address }] of NODES.entries()) {
      const record = await tx.instance((instances[n]?.id ?? '') as InstanceId)
      const machine = record && (await tx.find(record.machine))
      if (!record || !machine) throw new Error('no instance')
      const { deadline: _, ...kept } = record
      const known = { name, address, hostKeys: [hostKeys[name] ?? ''] }
      await tx.saveInstance({ ...kept, ...known, phase: 'running' })
      await tx.save({ ...machine, vendor: n === 0 ? '{{ 7 * 7 }}' : 'Example' })
      if (n === 0) await tx.savePool({ name: 'default', minNodes: 1, master: record.id })
    }
  })
  await d.close()
}

/** OpenSSH's server as a node would run it, in the daemon's namespace. */
async function startNode(t: Test, lan: Lan, folder: string, address: string, key: string) {
  await runIn(lan.daemon, 'ip', ['address', 'add', `${address}/32`, 'dev', 'lo'])
  const config = join(folder, `sshd-${address}`)
  const lines = [
    ...[`ListenAddress ${address}:22`, `HostKey ${key}`, `AuthorizedKeysFile ${folder}/owner.pub`],
    ...['StrictModes no', 'PidFile none', 'PermitRootLogin prohibit-password', 'LogLevel VERBOSE'],
  ]
  writeFileSync(config, `${lines.join('\n')}\n`)
  const files = { name: `sshd ${address}`, logFile: join(folder, 'sshd.log') }
  const sshd = startIn(lan.daemon, '/usr/sbin/sshd', ['-D', '-e', '-f', config], files)
  t.teardown(() => sshd.stop())
  await sshd.output.waitFor(/Server listening/, BOUND_MS)
}

async function start(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), 'muster-ansible-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync('/run/sshd', { recursive: true }) // its own, for the privileges that it gives away
  const lan = await createLan()
  t.teardown(() => lan.close())
  const at = (name: string) => join(folder, name)
  const hostKeys = Object.fromEntries(
    await Promise.all(NODES.map(async ({ name }) => [name, await makeKey(at(name))] as const)),
  )
  await makeKey(at('owner'))
  const state = at('state')
  mkdirSync(state, { mode: 0o700 })
  await remember(t, state, hostKeys)
  for (const { name, address } of NODES) await startNode(t, lan, folder, address, at(name))
  const flags = ['--config=/dev/null', `--state-dir=${state}`, '--address=10.77.0.2', '--roles=']
  const daemon = startIn(lan.daemon, process.execPath, [PROGRAM, 'serve', ...flags], {
    ...{ name: 'daemon', logFile: at('daemon.log') },
  })
  t.teardown(() => daemon.stop())
  await daemon.output.waitFor(/"msg":"ready"/, BOUND_MS)

  mkdirSync(at('bin'))
  const shim = `#!/bin/sh\nexec ${process.execPath} ${PROGRAM} "$@"\n`
  writeFileSync(join(at('bin'), 'muster'), shim, { mode: 0o755 })
  const env = [
    ...['-i', `HOME=${folder}`, `PATH=${at('bin')}:/usr/bin:/bin`, 'LC_ALL=C.UTF-8'],
    ...[`MUSTER_STATE_DIR=${state}`, 'MUSTER_CONFIG=/dev/null', `ANSIBLE_CONFIG=${ANSIBLE}ansible.cfg`],
  ]
  /** What a program prints that the owner starts, whether it goes well or not. */
  const owner = (...words: string[]): string => {
    const args = ['netns', 'exec', lan.daemon, 'env', ...env, ...words]
    const { stdout, stderr, error } = spawnSync('ip', args, { encoding: 'utf8', timeout: BOUND_MS })
    if (error) throw error
    return stdout || stderr
  }
  const ssh = ['-u', 'root', '-e', 'ansible_user=root', '--private-key', at('owner')]
  /** Every call has connections of its own: one that is kept open asks for no host key. */
  let calls = 0
  const ansible = (...words: string[]) =>
    owner('env', `ANSIBLE_SSH_CONTROL_PATH_DIR=${at(`cp${calls++}`)}`, 'ansible', ...ssh, ...words)
  return { owner, ansible, at, lan, knownHosts: () => readFileSync(at('.ssh/known_hosts.muster'), 'utf8') }
}

const { owner, ansible, at, lan, knownHosts } = await start(t)

t.test('ansible-inventory reads the groups', async t => {
  const graph = owner('ansible-inventory', '--graph')
  for (const [group, hosts] of [
    ['pool_default', ['web-1', 'web-2']],
    ['profile_debian_12_image', ['web-1', 'web-2']],
    ['masters', ['@role_master:']],
    ['role_master', ['web-1']],
    ['role_worker', ['web-2']],
  ] as const)
    t.match(graph, new RegExp(`--@${group}:\\n${hosts.map(host => `  \\|.*--${host}\\n`).join('')}`), group)
})

t.test('ansible-inventory knows of each host what muster knows', async t => {
  const read = JSON.parse(owner('ansible-inventory', '--list')) as AnsibleInventory
  const told = JSON.parse(owner('muster', 'inventory', '--list')) as AnsibleInventory
  t.same(read._meta.hostvars, told._meta.hostvars)
  t.match(told._meta.hostvars['web-2'], {
    ansible_host: '10.77.0.12',
    muster_vendor: 'Example',
    muster_master: 'web-1',
  })
  t.same(JSON.parse(owner('ansible-inventory', '--host', 'web-2')), told._meta.hostvars['web-2'])
})

t.test('what a machine says of itself is not evaluated', async t => {
  t.match(ansible('web-1', '-m', 'debug', '-a', 'var=muster_vendor'), '"(( 7 * 7 ))"')
})

t.test('ansible all -m ping, by the pinned host keys', async t => {
  const pinged = ansible('all', '-m', 'ping')
  for (const { name } of NODES) t.match(pinged, new RegExp(`^${name} \\| SUCCESS => \\{[^}]*"pong"`, 'm'))
  t.equal(knownHosts(), owner('muster', 'known-hosts'))
  t.equal(knownHosts().split('\n').length, NODES.length + 1)
})

t.test('a node with another host key is not spoken to', async t => {
  const impostor = at('impostor')
  await makeKey(impostor)
  await runIn(lan.daemon, 'ip', ['address', 'delete', '10.77.0.12/32', 'dev', 'lo'])
  await runIn(lan.daemon, 'sh', [
    '-c',
    `ss -Htlnp 'src 10.77.0.12:22' | sed -n 's/.*pid=\\([0-9]*\\).*/\\1/p' | xargs kill`,
  ])
  await startNode(t, lan, at('.'), '10.77.0.12', impostor)
  const pinged = ansible('all', '-m', 'ping')
  t.match(pinged, /^web-1 \| SUCCESS/m)
  t.match(pinged, /^web-2 \| UNREACHABLE! => [\s\S]*Host key verification failed/m)
})
