import { INSTANCE_FIELDS, instanceFields, matches, parseFilters } from '../core/filter.js'
import type { Instance, InstanceRecord, Tags, Wipe } from '../core/instance.js'
import type {
  ConsoleView,
  ConvergeView,
  InstanceView,
  ReservationView,
  ReserveRequest,
  RunRequest,
} from '../core/instanceView.js'
import type { Machine } from '../core/machine.js'
import type { StepView } from '../core/nodeStep.js'
import type { PoolView } from '../core/pool.js'
import type { Profile } from '../core/profile.js'
import { isRefusal, type Refusal, refuse } from '../core/refusal.js'
import { whyNotTheirs } from '../core/tags.js'
import type { Store } from '../io/store.js'
import type { Mac } from '../wire/mac.js'
import type { Commits } from './commits.js'
import { convergeAgain } from './convergeAgain.js'
import { reservationViews, stepView, viewOf } from './instanceViews.js'
import { poolViews, setMinNodes } from './pools.js'
import { type RebootNode, reboot } from './rebooting.js'
import { release, reserve } from './reserving.js'
import { planRun, type RunParts, run } from './running.js'
import { tag, untag } from './tagging.js'
import { retry, terminate } from './terminating.js'

/** Which instances a command means: those named, or all of one user. */
export type Chosen = { readonly instances?: readonly string[] /* ids or names */; readonly user?: string }

/** What the owner does with instances. Refusals are values that say what to do; nothing is half done. */
export interface Instances {
  run(request: RunRequest): Promise<ReservationView | Refusal>
  reserve(request: ReserveRequest): Promise<ReservationView | Refusal>
  /**
   * Frees machines that are held and carry no instance: all of a user, or those named, of the user's when both are
   * given. The `systems` of the answer are those that were freed.
   */
  release(chosen: { systems?: readonly string[]; user?: string }): Promise<ReservationView[] | Refusal>
  terminate(chosen: Chosen & { wipe?: Wipe; powerOff?: boolean }): Promise<InstanceView[] | Refusal>
  retry(chosen: Chosen): Promise<InstanceView[] | Refusal>
  /** Over SSH, with the pinned host key. */
  reboot(chosen: Chosen): Promise<InstanceView[] | Refusal>
  /** Has nodes made what their roles want, those that failed on the way included: with nothing chosen, all that are up. */
  converge(chosen: Chosen): Promise<ConvergeView[] | Refusal>
  /** What was done on a node, oldest first. */
  steps(idOrName: string): Promise<StepView[] | undefined>
  pools(): Promise<PoolView[]>
  setMinNodes(pool: string, minNodes: number): Promise<PoolView | Refusal>
  /** Newest last; terminated ones of the last hour included. `filter` as in describe-instances. */
  list(query: { user?: string; filter?: readonly string[] }): Promise<ReservationView[] | Refusal>
  find(idOrName: string): Promise<InstanceView | undefined>
  /** What the installer and the node logged, oldest first: the last 256 KiB, or what came after an earlier answer's `next`. */
  console(idOrName: string, after?: number): Promise<ConsoleView | undefined>
  /** `resources`: ids or names of instances and systems. */
  tag(resources: readonly string[], tags: Tags): Promise<{ tagged: number } | Refusal>
  untag(resources: readonly string[], keys: readonly string[]): Promise<{ untagged: number } | Refusal>
}

/** Who speaks to us: the address, and the MAC that the neighbour table has for it. */
export type Peer = { readonly address: string; readonly mac?: Mac }

/** What a token stands for: one hand-out of the installer to one machine. */
export type Job = {
  readonly task: 'install' | 'wipe' // a wipe is of the instance's disk, as its `wipe` says
  readonly instance: Instance
  readonly machine: Machine // with facts
  readonly profile: Profile // as it was when the instance was made
  readonly token: string // of the job
  readonly userData?: Buffer
}

/** What an installer tells. `started` asks for permission: only when it is granted may the disk be written. */
export type InstallReport =
  | { readonly stage: 'started' | 'installed' | 'wiped' }
  | { readonly stage: 'progress'; readonly percent?: number; readonly note?: string }
  | { readonly stage: 'failed'; readonly reason: string }

/** What a new system tells at its first boot. */
export type PhoneHome = { readonly hostName: string; readonly hostKeys: readonly string[] }

/**
 * What machines say about their installs. A token is bound to one hand-out, to the machine (by the MAC that the
 * neighbour table has for the peer, else by the address it was handed out to) and to the time until the deadline.
 * A refused call is logged and kept as an event.
 */
export interface InstallJobs {
  /** The installer's answers: a preseed, a kickstart, or the scout's plan. Refused once the install has begun. */
  answers(token: string, peer: Peer): Promise<Job | Refusal>
  /** What finishes the new system, with the token for phoning home. Only while installing. */
  finish(token: string, peer: Peer): Promise<(Job & { readonly phoneToken: string }) | Refusal>
  report(token: string, report: InstallReport, peer: Peer): Promise<Instance | Refusal>
  /** Text of the installer's log, or of the node's (with the phone token). */
  log(token: string, text: string, peer: Peer): Promise<Refusal | undefined>
  /** The first call pins the host keys; the same call again changes nothing; another one is refused. */
  phoneHome(token: string, call: PhoneHome, peer: Peer): Promise<Instance | Refusal>
}

export type InstanceOptions = RunParts & {
  readonly store: Store
  readonly commits: Commits
  readonly rebootNode: RebootNode
  readonly now: () => Date
}

/** Terminated instances are shown for this long. */
const REMEMBERED_MS = 60 * 60_000

export function createInstances(options: InstanceOptions): Instances {
  const { store, commits, rules, now } = options
  const { commit } = commits

  return {
    run: async request => {
      const theirs = whyNotTheirs(Object.keys(request.tags ?? {}))
      if (theirs) return refuse('invalid', theirs)
      const plan = await planRun(options, request)
      return isRefusal(plan) ? plan : commit(act => run(act, rules, plan), 'synced')
    },
    reserve: request => commit(act => reserve(act, request), 'synced'),
    release: chosen => commit(act => release(act, chosen), 'synced'),
    terminate: chosen => commit(act => terminate(act, rules, chosen), 'synced'),
    retry: chosen => commit(act => retry(act, rules, chosen), 'synced'),
    reboot: chosen => reboot(options, chosen),
    converge: chosen => commit(act => convergeAgain(act, rules, chosen), 'synced'),

    steps: async idOrName => {
      const instance = await store.findInstance(idOrName)
      return instance && (await store.nodeSteps(instance.id)).map(stepView)
    },

    pools: () => poolViews(store, rules),
    setMinNodes: (pool, minNodes) => commit(act => setMinNodes(act, rules, pool, minNodes), 'synced'),

    list: async ({ user, filter = [] }) => {
      const filters = parseFilters(filter, INSTANCE_FIELDS)
      if (isRefusal(filters)) return filters
      const endedAfter = new Date(now().getTime() - REMEMBERED_MS)
      const instances = await store.instances({ endedAfter, ...(user === undefined ? {} : { user }) })
      const wanted = instances.filter(instance => matches(filters, fieldsOf(instance)))
      const mine = (await store.held()).filter(held => user === undefined || held.user === user)
      const shown = new Set<string>(wanted.map(({ reservation }) => reservation))
      const held = mine.filter(({ reservation }) => filters.length === 0 || shown.has(reservation))
      return reservationViews(store, wanted, held)
    },

    find: async idOrName => {
      const instance = await store.findInstance(idOrName)
      return instance && viewOf(instance)
    },

    console: async (idOrName, after = 0) => {
      const instance = await store.findInstance(idOrName)
      if (!instance) return undefined
      const { text, last } = await store.instanceLog(instance.id, after)
      return { output: text, next: last }
    },

    tag: (resources, tags) => commit(act => tag(act, resources, tags), 'synced'),
    untag: (resources, keys) => commit(act => untag(act, resources, keys), 'synced'),
  }
}

const fieldsOf = (instance: InstanceRecord) =>
  instanceFields(instance, { name: instance.system, group: instance.group })
