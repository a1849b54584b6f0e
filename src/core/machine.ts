import type { Mac } from '../wire/mac.js'
import type { Facts } from './facts.js'
import type { InstanceId, Phase, ReservationId, Tags } from './instance.js'

/** A machine's own immutable id: `m-` and twelve hex digits. Made once, at the first packet. */
export type MachineId = string & { readonly __machineId: true }

export const MACHINE_STATES = ['seen', 'discovered', 'local', 'protected'] as const
export type MachineState = (typeof MACHINE_STATES)[number]

export const MACHINE_EVENTS = [
  'facts', // the scout posted its inventory
  'disable-netboot', // the owner wants it on its own disk
  'enable-netboot',
  'protect', // the owner says: never touch this one
  'unprotect',
] as const
export type MachineEvent = (typeof MACHINE_EVENTS)[number]

/**
 * The life of a machine. A pair that is absent is refused.
 * `enable-netboot` and `unprotect` lead to `seen`; a machine whose facts are kept gets `facts` right after.
 */
export const NEXT: Record<MachineState, Partial<Record<MachineEvent, MachineState>>> = {
  seen: { facts: 'discovered', 'disable-netboot': 'local', protect: 'protected' },
  discovered: { facts: 'discovered', 'disable-netboot': 'local', protect: 'protected' },
  local: { facts: 'local', 'enable-netboot': 'seen', protect: 'protected' },
  protected: { facts: 'protected', unprotect: 'seen' },
}

/** The state after an event; undefined when the event is refused in this state. */
export const after = (state: MachineState, event: MachineEvent): MachineState | undefined =>
  NEXT[state][event]

/** What a machine that netboots is given: the in-RAM Debian that records its hardware, or its own disk. */
export type BootTarget = 'scout' | 'disk'

export const BOOT_TARGET: Record<MachineState, BootTarget> = {
  seen: 'scout',
  discovered: 'scout',
  local: 'disk',
  protected: 'disk',
}

/** How iPXE hands over to the local disk. `auto`: sanboot on BIOS, exit 1 on UEFI. */
export const LOCAL_BOOTS = ['auto', 'sanboot', 'exit', 'exit-1'] as const
export type LocalBoot = (typeof LOCAL_BOOTS)[number]

/** What SMBIOS and the firmware say before any operating system runs. */
export type Firmware = 'bios' | 'uefi'

export type Machine = {
  readonly id: MachineId
  readonly name: string // unique; a host name label
  readonly group: string
  readonly state: MachineState
  readonly localBoot: LocalBoot
  readonly macs: readonly Mac[] // every MAC that this machine was seen with, boot MAC first
  readonly address?: string // the IPv4 address it last spoke from
  readonly firmware?: Firmware
  readonly arch?: string // x86_64, i386, arm64
  readonly vendor?: string
  readonly product?: string
  readonly serial?: string
  readonly boardSerial?: string
  readonly chassisSerial?: string
  readonly uuid?: string
  readonly cores?: number // of the first processor until the facts tell them all
  readonly memory?: number // bytes
  readonly disks?: readonly DiskSize[]
  readonly profile?: string // what it is installed with, unless the owner names another
  readonly tags?: Tags
  readonly rests?: true // its instance was terminated by hand: no rule lets it join until its owner does
  readonly hold?: Hold
  readonly instance?: Occupant
  readonly facts?: Facts // only where one machine is asked for: lists go without
  readonly firstSeen: Date
  readonly lastSeen: Date
}

/** Whom a machine is reserved for. */
export type Hold = { readonly reservation: ReservationId; readonly user: string }

/** A machine's instance that is not terminated; there is at most one. */
export type Occupant = { readonly id: InstanceId; readonly phase: Phase; readonly installed: boolean }

/** Whether anybody may have it. */
export const isFree = ({ state, hold, instance }: Machine): boolean =>
  state === 'discovered' && !hold && !instance

export type DiskSize = { readonly name: string; readonly size: number /* bytes */ }
