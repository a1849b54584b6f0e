import type { Wipe } from './instance.js'

/** What the owner can tell a machine that sits in the scout. */
export const GIVEN_ORDERS = ['reboot', 'power-off'] as const
export type GivenOrder = (typeof GIVEN_ORDERS)[number]

/** What a scout has to do. Those with id 0 were never given: they follow from the machine's state or its instance. */
export type Order =
  | { id: number; kind: GivenOrder }
  | { id: 0; kind: 'boot-disk' }
  | { id: 0; kind: 'install'; token: string }
  | { id: 0; kind: 'wipe'; token: string; mode: Exclude<Wipe, 'none'> }

export const DERIVED_ID = 0
export const BOOT_DISK = { id: DERIVED_ID, kind: 'boot-disk' } as const satisfies Order
