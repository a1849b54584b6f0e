import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { InstanceView } from '../../../src/core/instanceView.js'
import type { StepView } from '../../../src/core/nodeStep.js'
import { CHECK } from '../../../src/core/nodeStep.js'
import type { PoolView } from '../../../src/core/pool.js'
import { DISK, PROFILE, SEALED } from './instances.js'
import type { Lab, MachineOptions } from './lab.js'
import { run, runIn, until } from './process.js'

/** The account that runs containers, and the owner's. */
export const POOL_USER = 'pool'
export const OWNER_USER = 'owner'

/** What makes the daemon work on nodes over SSH. */
export const SHIPPED = 'base, certificate, podman, master, worker'
export const ROLES = ['--roles', SHIPPED.replaceAll(' ', '')]

/**
 * The owner's roles, and the flags that name their place.
 * @param own YAML by name
 */
export async function ownRoles(lab: Lab, own: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const folder = join(lab.folder, 'roles')
  for (const [name, yaml] of Object.entries(own)) {
    await mkdir(join(folder, name), { recursive: true })
    await writeFile(join(folder, name, 'role.yaml'), yaml)
  }
  return ['--roles-dir', folder]
}

const POOL = 'room'
const JOIN = { group: POOL, 'min-nodes': 3 }

/**
 * Three machines that become a pool by themselves, on both kinds of firmware: the smallest and the middle one with
 * Debian 12, the big one with Debian 13, whose Podman has Quadlet.
 */
export const ROOM = {
  pool: POOL,
  machines: {
    big: { firmware: 'bios-ipxe-rom', cores: 4, disks: [DISK] },
    small: { firmware: 'bios-ipxe-rom', cores: 1, disks: [DISK] },
    middle: { firmware: 'uefi-edk2', cores: 2, disks: [DISK] },
  } satisfies Record<string, MachineOptions>,
  rules: [
    { name: 'big', match: ['cores>=4'], profile: 'trixie', ...JOIN },
    { name: 'everything', match: ['cores>=1'], profile: PROFILE, ...JOIN },
  ],
  profiles: { trixie: SEALED },
}

/** A file of join rules, and the flag that names it. YAML is a superset of JSON. */
export async function joinRules(lab: Lab, rules: readonly object[]): Promise<readonly string[]> {
  const path = join(lab.folder, 'join-rules.yaml')
  await writeFile(path, JSON.stringify(rules))
  return ['--join-rules', path]
}

export async function poolNamed({ daemon }: Lab, name: string): Promise<PoolView> {
  const found = (await daemon.api<PoolView[]>('GET', 'pools')).find(pool => pool.name === name)
  if (!found) throw new Error(`there is no pool ${name}`)
  return found
}

/** Waits until a pool has so many nodes for which `is` has held; a failed one ends it at once. */
export async function inGroup(
  lab: Lab,
  group: string,
  count: number,
  timeoutMs: number,
  is: (node: PoolView['nodes'][number]) => boolean,
): Promise<void> {
  const seen = new Set<string>()
  await until(`${count} nodes of ${group}`, timeoutMs, async () => {
    const { nodes } = await poolNamed(lab, group).catch(() => ({ nodes: [] }) as Pick<PoolView, 'nodes'>)
    const failed = nodes.find(({ state }) => state === 'failed')
    if (failed) throw new Error(`${failed.name} failed`)
    for (const node of nodes) if (is(node)) seen.add(node.id)
    return seen.size >= count ? true : undefined
  })
}

/** What was done on a node, without the looks whether it works. */
export async function stepsOf({ daemon }: Lab, { id }: Pick<InstanceView, 'id'>): Promise<StepView[]> {
  const steps = await daemon.api<StepView[]>('GET', `instances/${id}/steps`)
  return steps.filter(({ step }) => step !== CHECK)
}

/** As the account that runs the containers; the owner may become anybody. */
export const inPool = ({ owner }: Lab, node: InstanceView, command: string): Promise<string> => {
  const login = `cd; export XDG_RUNTIME_DIR=/run/user/$(id -u); ${command}`
  const quoted = `'${login.replaceAll("'", "'\\''")}'`
  return owner.ssh(OWNER_USER, node, `sudo -n -u ${POOL_USER} -H sh -c ${quoted}`)
}

/** The certificate of a node, as openssl judges it by muster's CA: for its name and its address, as server and client. */
export async function verifies(lab: Lab, node: InstanceView): Promise<string> {
  const folder = join(lab.folder, `tls-${node.name}`)
  await mkdir(folder, { recursive: true })
  const files = { ca: join(folder, 'ca.pem'), node: join(folder, 'node.pem') }
  await writeFile(files.ca, await lab.daemon.muster('ca', 'export'))
  await writeFile(files.node, await lab.owner.ssh(OWNER_USER, node, 'sudo cat /etc/muster/tls/node.pem'))
  const names = ['-verify_hostname', node.name, '-verify_ip', node.address ?? '']
  const verify = (purpose: string) =>
    run('openssl', ['verify', '-CAfile', files.ca, '-purpose', purpose, ...names, files.node])
  return `${await verify('sslserver')}${await verify('sslclient')}`
}

const ANSIBLE_MS = 300_000

/** Debian's ansible beside the daemon, with muster's inventory, the owner's key and the pinned host keys. */
export async function ansible(lab: Lab, ...args: readonly string[]): Promise<string> {
  const folder = join(lab.folder, 'ansible')
  const bin = join(folder, 'bin')
  await mkdir(bin, { recursive: true })
  const token = join(lab.daemon.stateDir, 'api-token')
  const muster = `#!/bin/sh\nexec ${process.execPath} ${resolve('dist/cli.js')} --token-file ${token} "$@"\n`
  await writeFile(join(bin, 'muster'), muster, { mode: 0o755 })
  const knownHosts = join(folder, 'known_hosts') // the inventory script fills it
  const set = [
    `PATH=${bin}:${process.env.PATH}`,
    `HOME=${folder}`,
    'ANSIBLE_NOCOLOR=1',
    `MUSTER_KNOWN_HOSTS=${knownHosts}`,
    'ANSIBLE_HOST_KEY_CHECKING=True',
    `ANSIBLE_SSH_ARGS=-F /dev/null -o UserKnownHostsFile=${knownHosts} -o GlobalKnownHostsFile=/dev/null`,
    'ANSIBLE_TIMEOUT=60',
  ]
  const inventory = resolve('ansible/muster-inventory')
  const given = ['-i', inventory, '--private-key', join(lab.folder, 'owner'), ...args]
  return await runIn(lab.lan.daemon, 'env', [...set, 'ansible', ...given], ANSIBLE_MS)
}
