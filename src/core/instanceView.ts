import type { Instance, InstanceState, ReservationId, Stage, Tags } from './instance.js'
import type { MachineId } from './machine.js'
import type { Installer } from './profile.js'

/** An instance as the API sends it: times as ISO 8601. */
export type InstanceView = Omit<Instance, 'phase' | 'since' | 'deadline' | 'launched' | 'installedAt'> & {
  readonly state: InstanceState
  readonly stage?: Stage // while pending; `reason` of one that is running says why it is impaired
  readonly system: string // its machine's name
  readonly group: string // its machine's group
  readonly converging?: true // of one that is running: something is done on it, or is to be
  readonly convergeAt?: string // when it is looked at next
  readonly touched: boolean // its installer had permission to write to the disk, which was not wiped since
  readonly since: string
  readonly deadline?: string
  readonly launched: string
  readonly installedAt?: string
}

/** POST /api/v1/instances/converge; `skipped`: why it was left alone. */
export type ConvergeView = InstanceView & { readonly skipped?: string }

/** GET /api/v1/instances/ID/console?after=NEXT */
export type ConsoleView = {
  readonly output: string
  readonly next: number // to be given as `after`, for what is logged from here on
}

/** A reservation as the API sends it, with the instances that were asked for, terminated ones included. */
export type ReservationView = {
  readonly id: ReservationId
  readonly user: string
  readonly at: string
  readonly instances: readonly InstanceView[]
  readonly systems: readonly { readonly id: MachineId; readonly name: string; readonly group: string }[] // held now
}

/** Bytes, as EC2 has it. */
export const LONGEST_USER_DATA = 16 * 1024

/** POST /api/v1/instances */
export type RunRequest = {
  readonly user: string
  readonly profile?: string // absent: the systems' own
  readonly count?: number // 1 unless `systems` are named
  readonly group?: string
  readonly systems?: readonly string[] // ids, names or MACs; all of them
  readonly filter?: readonly string[] // all must hold
  readonly prefer?: string // absent: smallest that fits
  readonly name?: string
  readonly userData?: string // base64
  readonly minNodes?: number // that the systems' pool must have before it elects its first master
  readonly tags?: Tags
  readonly clientToken?: string // the same one again answers with the same reservation
  readonly dryRun?: boolean // tells what would be, and changes nothing
}

/** POST /api/v1/reservations */
export type ReserveRequest = Pick<RunRequest, 'user' | 'count' | 'group' | 'systems' | 'filter' | 'prefer'>

/** GET /api/v1/profiles */
export type ProfileView = {
  readonly name: string
  readonly description: string
  readonly distribution: string
  readonly release: string
  readonly architecture: string
  readonly installer: Installer
  readonly source: string // the file it was read from
  readonly medium: 'ready' | 'missing' // what it is installed from
  readonly builtAt?: string
}

/** In the same answer: a profile whose file is broken. It cannot be installed. */
export type BrokenProfileView = {
  readonly name: string
  readonly source: string
  readonly problems: readonly string[] // `/etc/muster/profiles/web.yaml:7: disk.minSize: must be a size …`
}

/** GET /api/v1/distros: what profiles are installed from. */
export type DistroView = {
  readonly name: string // of the medium
  readonly distribution: string
  readonly release: string
  readonly installer: Installer
  readonly kernel?: string
  readonly size?: number // bytes of all its files
  readonly builtAt?: string
  readonly profiles: readonly string[]
}
