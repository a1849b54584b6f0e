import { type AnsibleInventory, ansibleInventory } from '../core/ansible.js'
import type { Phase } from '../core/instance.js'
import { knownHosts } from '../core/knownHosts.js'
import type { Reads } from '../io/store.js'

/** What other programs are told of the nodes: where they are, and how to know that it is them. */
export type Directory = {
  /** As ~/.ssh/known_hosts: those that are up, or failed on their way. The address of another may be somebody's else. */
  knownHosts(): Promise<string>
  /** For Ansible: the nodes that run. One that is being made into a node may lack the owner's account. */
  inventory(): Promise<AnsibleInventory>
}

export type DirectoryOptions = {
  readonly store: Pick<Reads, 'instances' | 'list'>
  readonly ownerUser: string // the account on every node that takes the owner's keys
}

const SHOWN: readonly Phase[] = ['converging', 'running', 'failed']

export const createDirectory = ({ store, ownerUser }: DirectoryOptions): Directory => ({
  knownHosts: async () =>
    knownHosts((await store.instances({})).filter(({ phase }) => SHOWN.includes(phase))),

  inventory: async () => {
    const machines = new Map((await store.list()).map(machine => [machine.id, machine]))
    const nodes = (await store.instances({})).flatMap(instance => {
      const machine = machines.get(instance.machine)
      return machine && instance.phase === 'running' ? [{ instance, machine }] : []
    })
    return ansibleInventory(nodes, ownerUser)
  },
})
