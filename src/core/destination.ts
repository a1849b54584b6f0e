import { bootOf, type Instance, type InstanceBoot } from './instance.js'
import { BOOT_TARGET, type Machine } from './machine.js'
import type { Order } from './order.js'
import type { Profile } from './profile.js'

/** Where a machine belongs. Its live instance decides over its own state, but for the owner's "never touch this one". */

type Occupied = Pick<Instance, 'phase' | 'installedAt'>

export function destinationOf(
  { state }: Pick<Machine, 'state'>,
  instance: Occupied | undefined,
): InstanceBoot {
  if (state === 'protected') return 'disk'
  return instance ? bootOf(instance) : BOOT_TARGET[state]
}

type Working = Occupied & Pick<Instance, 'wipe'> & { touched: boolean; snapshot: Pick<Profile, 'installer'> }

/** An order that nobody gave; `free`: nothing is left to do before the machine is another's. */
export type Derived = Exclude<Order['kind'], 'power-off'> | 'free'

/** What a machine that sits in the scout has to do; undefined: wait. */
export function derivedOrder(
  machine: Pick<Machine, 'state'>,
  instance: Working | undefined,
): Derived | undefined {
  const destination = destinationOf(machine, instance)
  if (destination === 'disk') return 'boot-disk'
  if (!instance) return undefined
  if (destination === 'installer') return instance.snapshot.installer === 'image' ? 'install' : 'reboot'
  if (instance.phase !== 'shutting-down') return undefined
  return instance.touched && instance.wipe !== 'none' ? 'wipe' : 'free'
}

/**
 * Whether the hardware itself said that the MAC it netbooted from is its own. Until then a machine is what a few
 * strings of its firmware make of it, and boards that share a chassis share those.
 */
export const isProven = ({ facts, macs: [bootMac] }: Pick<Machine, 'facts' | 'macs'>): boolean =>
  bootMac !== undefined && (facts?.nics.some(nic => nic.mac === bootMac) ?? false)
