import type { InventoryNode } from '../../src/core/ansible.js'
import type { InstanceId } from '../../src/core/instance.js'
import { INSTANCE, PROFILE } from './installJobs.js'
import { machine } from './inventory.js'

type Some = Omit<Partial<InventoryNode['instance']>, 'address'> & { address?: string | undefined }

/** A node that has phoned home, with its machine. */
export const node = (instance: Some = {}, hardware: Parameters<typeof machine>[0] = {}): InventoryNode => {
  const { address = '192.168.1.31', ...some } = instance
  const own = { ...INSTANCE, name: 'web-1', system: 'oak-1', group: 'default', snapshot: PROFILE, ...some }
  return {
    instance: 'address' in instance && instance.address === undefined ? own : { ...own, address },
    machine: machine(hardware),
  }
}

/** A pool of two and a lone node, as the API would tell them. */
export const threeNodes = (): InventoryNode[] => [
  node(
    { name: 'web-2', address: '192.168.1.32', group: 'web-pool', role: 'worker', tags: { rack: '3' } },
    {
      ...{ name: 'oak-2', cores: 4, memory: 2 ** 33, vendor: 'Example', product: 'Box 1', serial: 'S2' },
      ...{ firmware: 'uefi', tags: { rack: '2', floor: '1' } },
    },
  ),
  node({ name: 'web-1', group: 'web-pool', role: 'master' }, { cores: 1, memory: 2 ** 30, firmware: 'bios' }),
  node({ id: 'i-00000000000c' as InstanceId, name: 'db-1', address: '192.168.1.33', profile: 'rocky-9' }),
]
