import type { MachineId } from './machine.js'
import type { Profile } from './profile.js'

/** `i-` and twelve hex digits. */
export type InstanceId = string & { readonly __instanceId: true }
/** `r-` and twelve hex digits. */
export type ReservationId = string & { readonly __reservationId: true }

export const PHASES = [
  'reserved', // chosen; its machine has not been told yet
  'starting', // its machine was given the installer
  'installing', // the installer asked to begin, and may write to the disk
  'installed', // the disk is written; nothing was heard of the new system yet
  'converging', // the new system phoned home, and is made a node over SSH
  'running', // it is a node as its roles want it
  'shutting-down', // to be freed as soon as its machine is back in the scout
  'terminated', // the machine is free again
  'failed', // with a reason; nothing happens by itself any more
] as const
export type Phase = (typeof PHASES)[number]

/** What EC2's commands call it. The phases before `running` are the stages of `pending`. */
export const INSTANCE_STATES = ['pending', 'running', 'shutting-down', 'terminated', 'failed'] as const
export type InstanceState = (typeof INSTANCE_STATES)[number]

export const STATE_OF: Record<Phase, InstanceState> = {
  reserved: 'pending',
  starting: 'pending',
  installing: 'pending',
  installed: 'pending',
  converging: 'pending',
  running: 'running',
  'shutting-down': 'shutting-down',
  terminated: 'terminated',
  failed: 'failed',
}

export const STAGES = [
  'reserved',
  'starting',
  'installing',
  'installed',
  'converging',
] as const satisfies readonly Phase[]
export type Stage = (typeof STAGES)[number]

export const INSTANCE_EVENTS = [
  'install-given', // the machine was handed the installer
  'install-started', // the installer asks whether it may write; the answer is its permission
  'install-ended', // the disk is written
  'install-failed', // the installer gave up, or was started too often
  'phoned-home', // the new system told its address and host keys
  'converged', // nothing is left to do on the node, and it passed its health check
  'converge-failed', // a step or the health check failed too often, or the node is another one
  'overdue', // the stage's deadline passed
  'terminate', // the owner gives it back
  'freed', // its machine is back in the scout, wiped if that was asked for
  'retry', // the owner starts the install again
  'converge', // the owner has the node looked at again
] as const
export type InstanceEvent = (typeof INSTANCE_EVENTS)[number]

/**
 * The life of an instance. A pair that is absent is refused. A phase that leads to itself is a message that came
 * twice, as its answer was lost.
 */
export const NEXT: Record<Phase, Partial<Record<InstanceEvent, Phase>>> = {
  reserved: { 'install-given': 'starting', overdue: 'failed', terminate: 'shutting-down' },
  starting: {
    'install-given': 'starting',
    'install-started': 'installing',
    'install-failed': 'failed',
    overdue: 'failed',
    terminate: 'shutting-down',
  },
  installing: {
    'install-given': 'starting', // it netbooted in the middle of the install: a power cut
    'install-started': 'installing',
    'install-ended': 'installed',
    'install-failed': 'failed',
    'phoned-home': 'converging', // the message of the end was lost, the system itself is proof
    overdue: 'failed',
    terminate: 'shutting-down',
  },
  installed: {
    'install-ended': 'installed',
    'phoned-home': 'converging',
    overdue: 'failed',
    terminate: 'shutting-down',
  },
  converging: {
    'phoned-home': 'converging',
    converged: 'running',
    'converge-failed': 'failed',
    overdue: 'failed',
    terminate: 'shutting-down',
    converge: 'converging',
  },
  running: {
    'phoned-home': 'running',
    converged: 'running',
    terminate: 'shutting-down',
    converge: 'running', // in place: what fails then is told, and the node runs on
  },
  'shutting-down': { terminate: 'shutting-down', freed: 'terminated' },
  terminated: {},
  failed: { terminate: 'shutting-down', retry: 'reserved', converge: 'converging' },
}

/** The phase after an event; undefined when the event is refused in this phase. */
export const after = (phase: Phase, event: InstanceEvent): Phase | undefined => NEXT[phase][event]

/** How much of the disk is overwritten before the machine is free: nothing, what makes it bootable, or all of it. */
export const WIPES = ['none', 'quick', 'full'] as const
export type Wipe = (typeof WIPES)[number]

export const POOL_ROLES = ['master', 'worker'] as const
export type PoolRole = (typeof POOL_ROLES)[number]

export type Tags = Readonly<Record<string, string>>

export type Instance = {
  readonly id: InstanceId
  readonly reservation: ReservationId
  readonly machine: MachineId
  readonly name: string // the host name; unique among those that are not terminated
  readonly user: string
  readonly profile: string
  readonly phase: Phase
  readonly since: Date // when it came into this phase
  readonly deadline?: Date // of this phase
  readonly launched: Date
  readonly attempts: number // how often the installer was handed out since it was launched or retried
  readonly percent?: number // of the install, 0 to 100
  readonly note?: string // what the installer does now, or what is done on the node
  readonly reason?: string // why it failed, does not come down, or runs impaired
  readonly disk: string // what is written: /dev/disk/by-id/…, or /dev/NAME where the disk has no such path
  readonly installedAt?: Date
  readonly address?: string // as the node told it
  readonly hostName?: string
  readonly hostKeys?: readonly string[] // lines as in ssh_host_*_key.pub without the comment; pinned
  readonly wipe: Wipe // when it is terminated
  readonly powerOff: boolean // when it is freed
  readonly role?: PoolRole // once its pool has elected
  readonly tags: Tags
}

/** An instance with what the daemon keeps beside it. */
export type InstanceRecord = Instance & {
  readonly system: string // its machine's name
  readonly group: string // its machine's group
  readonly snapshot: Profile // as it was when the instance was made
  readonly touched: boolean // the installer had permission to write to the disk
  readonly tries: number // reboots over SSH, to get the machine back into the scout; while reserved, magic packets
  readonly nextTry?: Date
  readonly convergeAt?: Date // when the node is to be looked at again
  readonly turning: boolean // it is looked at now, or was when the daemon was killed
  readonly misses: number // looks in a row that came to nothing: it cannot be reached
  readonly passSteps: number // that ended, since it was last as wanted, failed, waited, or was asked for
}

export type Reservation = {
  readonly id: ReservationId
  readonly user: string
  readonly at: Date
  readonly clientToken?: string
}

/** What a token allows: installing the machine, wiping its disk, or phoning home from the new system. */
export type Task = 'install' | 'wipe' | 'phone'

/** One token, as it is kept. Of each instance one of `phone` is current, and one of the others. */
export type HandOut = {
  readonly hash: string
  readonly instance: InstanceId
  readonly task: Task
  readonly address?: string // that it was handed to
  readonly scout?: string // hash of the token of the scout that it was handed to
  readonly at: Date
  readonly used: boolean
  readonly current: boolean
}

/** What an instance's machine is given when it netboots. `installer` leads into the scout for images. */
export type InstanceBoot = 'installer' | 'disk' | 'scout'

const BOOTS: Record<Exclude<Phase, 'failed' | 'terminated'>, InstanceBoot> = {
  reserved: 'installer',
  starting: 'installer',
  installing: 'installer',
  installed: 'disk',
  converging: 'disk',
  running: 'disk',
  'shutting-down': 'scout',
}

/** A failed instance never gets its installer again by itself: a written disk may be looked at, else the scout waits. */
export function bootOf({ phase, installedAt }: Pick<Instance, 'phase' | 'installedAt'>): InstanceBoot {
  if (phase === 'failed') return installedAt ? 'disk' : 'scout'
  return phase === 'terminated' ? 'scout' : BOOTS[phase]
}
