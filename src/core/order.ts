/** What the owner can tell a machine that sits in the scout. */
export const GIVEN_ORDERS = ['reboot', 'power-off'] as const
export type GivenOrder = (typeof GIVEN_ORDERS)[number]

/** `boot-disk` is never given: it follows from the machine's state. */
export type Order = {
  id: number // 0 for `boot-disk`
  kind: GivenOrder | 'boot-disk'
}

export const BOOT_DISK: Order = { id: 0, kind: 'boot-disk' }
