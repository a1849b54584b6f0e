import type { InstanceRecord, PoolRole, Tags } from './instance.js'
import type { Machine } from './machine.js'

/** A node with its machine. */
export type InventoryNode = {
  readonly instance: Pick<
    InstanceRecord,
    'id' | 'name' | 'address' | 'system' | 'group' | 'role' | 'user' | 'profile' | 'snapshot' | 'tags'
  >
  readonly machine: Machine
}

/** What is known of one host. `muster_` keeps clear of Ansible's own names, which `serial` and `tags` are. */
export type HostVars = {
  readonly ansible_host: string
  readonly ansible_user: string
  readonly muster_instance: string
  readonly muster_system: string // the machine's name
  readonly muster_pool: string
  readonly muster_role: PoolRole | '' // empty until the pool has elected
  readonly muster_master: string // host name; empty until the pool has elected
  readonly muster_user: string
  readonly muster_profile: string
  readonly muster_distribution: string
  readonly muster_release: string
  readonly muster_cores: number // physical; 0: not known
  readonly muster_memory: number // bytes; 0: not known
  readonly muster_vendor: string
  readonly muster_product: string
  readonly muster_serial: string
  readonly muster_firmware: string
  readonly muster_macs: readonly string[]
  readonly muster_tags: Tags // the machine's, and the instance's over them
}

export type HostGroup = { readonly hosts: readonly string[] } | { readonly children: readonly string[] }

/** GET /api/v1/inventory: what an inventory script of Ansible prints for --list. */
export type AnsibleInventory = {
  readonly _meta: { readonly hostvars: Readonly<Record<string, HostVars>> }
} & Readonly<Record<string, unknown>>

/**
 * Hosts are nodes that have told their address, by host name. Groups: `pool_NAME`, `profile_NAME`, `role_master`,
 * `role_worker` and `masters`; the last three are there even when nobody is in them, so that a playbook may name them.
 */
export function ansibleInventory(nodes: readonly InventoryNode[], ownerUser: string): AnsibleInventory {
  const masters = new Map(
    nodes.flatMap(({ instance: { role, group, name } }) =>
      role === 'master' ? [[group, name] as const] : [],
    ),
  )
  const hostvars: Record<string, HostVars> = {}
  const groups = new Map<string, string[]>([
    ['role_master', []],
    ['role_worker', []],
  ])
  for (const node of nodes.toSorted(byName)) {
    const { name, address } = node.instance
    if (address === undefined) continue
    hostvars[name] = varsOf(node, address, ownerUser, masters.get(node.instance.group) ?? '')
    for (const group of groupsOf(node)) groups.set(group, [...(groups.get(group) ?? []), name])
  }
  const told = [...groups].toSorted().map(([group, hosts]): [string, HostGroup] => [group, { hosts }])
  return { _meta: { hostvars }, masters: { children: ['role_master'] }, ...Object.fromEntries(told) }
}

const byName = ({ instance: a }: InventoryNode, { instance: b }: InventoryNode) =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0

const groupsOf = ({ instance: { group, profile, role } }: InventoryNode) => [
  groupName('pool', group),
  groupName('profile', profile),
  ...(role ? [groupName('role', role)] : []),
]

/** Ansible's names of groups are those of Python's variables; with the kind in front no two kinds have one name. */
export const groupName = (kind: string, name: string): string =>
  `${kind}_${name.replace(/[^A-Za-z0-9_]/g, '_')}`

function varsOf(
  { instance, machine }: InventoryNode,
  address: string,
  user: string,
  master: string,
): HostVars {
  const { id, system, group, role = '', profile, snapshot, tags } = instance
  return {
    ansible_host: address,
    ansible_user: user,
    ...{ muster_instance: id, muster_system: system, muster_pool: group, muster_role: role },
    ...{ muster_master: master, muster_user: plain(instance.user), muster_profile: profile },
    ...{ muster_distribution: snapshot.distribution, muster_release: snapshot.release },
    ...{ muster_cores: machine.cores ?? 0, muster_memory: machine.memory ?? 0 },
    ...{ muster_vendor: plain(machine.vendor), muster_product: plain(machine.product) },
    ...{ muster_serial: plain(machine.serial), muster_firmware: machine.firmware ?? '' },
    ...{ muster_macs: machine.macs, muster_tags: plainTags({ ...machine.tags, ...tags }) },
  }
}

/**
 * Ansible evaluates `{{ … }}` in variables, on its own host, whoever wrote them: what machines say about themselves, and
 * other text, has no braces.
 */
const plain = (text = '') => text.replaceAll('{', '(').replaceAll('}', ')')

const plainTags = (tags: Tags): Tags =>
  Object.fromEntries(Object.entries(tags).map(([key, value]) => [plain(key), plain(value)]))
