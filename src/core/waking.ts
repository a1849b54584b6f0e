import type { Machine } from './machine.js'

/** Seconds without a word after which a machine counts as off: one in the scout asks for orders every 50 s. */
const SILENT_S = 120
const SOON_S = 20 // a packet may be lost
const LATER_S = 300 // somebody may have to plug it in
const SOON_TIMES = 3

const after = (at: Date, seconds: number) => new Date(at.getTime() + seconds * 1000)

/** When a machine counts as off, unless it is heard of meanwhile. */
export const offAt = ({ lastSeen }: Pick<Machine, 'lastSeen'>): Date => after(lastSeen, SILENT_S)

/** Whether it counts as on. */
export const isOn = (machine: Pick<Machine, 'lastSeen'>, now: Date): boolean => now < offAt(machine)

/** When a machine is woken again that did not come after so many packets. */
export const wakeAgainAt = (sent: number, now: Date): Date => after(now, sent < SOON_TIMES ? SOON_S : LATER_S)
