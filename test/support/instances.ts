import type { Chosen, Instances } from '../../src/control/instances.js'
import type { ProfileViews } from '../../src/control/profileViews.js'
import type { InstanceView, ReservationView } from '../../src/core/instanceView.js'
import type { PlanView, StepView } from '../../src/core/nodeStep.js'
import type { PoolView } from '../../src/core/pool.js'
import { refuse } from '../../src/core/refusal.js'
import { INSTANCE } from './installJobs.js'
import { AT } from './inventory.js'

const { phase: _, deadline: __, installedAt: ___, since, launched, ...told } = INSTANCE
export const INSTANCE_VIEW: InstanceView = {
  ...told,
  state: 'pending',
  stage: 'starting',
  system: 'oak-1',
  group: 'default',
  touched: false,
  since: since.toISOString(),
  launched: launched.toISOString(),
}

export const RESERVATION_VIEW: ReservationView = {
  id: INSTANCE.reservation,
  user: INSTANCE.user,
  at: AT.toISOString(),
  instances: [INSTANCE_VIEW],
  systems: [{ id: INSTANCE.machine, name: 'oak-1', group: 'default' }],
}

export const STEP_VIEW: StepView = {
  ...{ step: 'base/files', reason: '/etc/hosts differs', state: 'done', tries: 1, output: 'written\n' },
  ...{ started: AT.toISOString(), ended: AT.toISOString() },
}

export const POOL_VIEW: PoolView = {
  ...{ name: 'default', minNodes: 3, waiting: 'waiting for nodes (1/3)' },
  nodes: [{ id: INSTANCE.id, name: INSTANCE.name, state: 'running', address: '192.0.2.10' }],
}

export const PLAN_VIEW: PlanView = {
  instance: INSTANCE.id,
  steps: [{ id: 'base/files', reason: '/etc/hosts differs' }],
}

/** The plan of the one instance. */
export const pretendPlan = async (idOrName: string) =>
  idOrName === INSTANCE.id ? PLAN_VIEW : refuse('not-found', `there is no instance ${idOrName}`)

/** One instance, that nothing changes: enough for the routes, which pass on what was asked. `asked` is that. */
export function pretendInstances() {
  const asked: [string, unknown][] = []
  const answer =
    <T>(call: string, answer: T) =>
    async (what: unknown) => {
      asked.push([call, what])
      return answer
    }
  const isOurs = (idOrName: string) => idOrName === INSTANCE.id || idOrName === INSTANCE.name
  const instances: Instances = {
    run: async request => {
      asked.push(['run', request])
      if ((request.count ?? 1) > 1) return refuse('conflict', 'not enough resources: asked 3, free 1')
      return RESERVATION_VIEW
    },
    reserve: answer('reserve', RESERVATION_VIEW),
    release: answer('release', [RESERVATION_VIEW]),
    terminate: answer('terminate', [INSTANCE_VIEW]),
    retry: answer('retry', [INSTANCE_VIEW]),
    reboot: async (chosen: Chosen) => {
      asked.push(['reboot', chosen])
      return refuse('conflict', 'oak-1 is pending: it cannot be reached yet')
    },
    converge: answer('converge', [INSTANCE_VIEW]),
    steps: async idOrName => (isOurs(idOrName) ? [STEP_VIEW] : undefined),
    pools: async () => [POOL_VIEW],
    setMinNodes: async (pool, minNodes) => {
      asked.push(['setMinNodes', { pool, minNodes }])
      return POOL_VIEW
    },
    list: answer('list', [RESERVATION_VIEW]),
    find: async idOrName => (isOurs(idOrName) ? INSTANCE_VIEW : undefined),
    console: async (idOrName, after = 0) =>
      isOurs(idOrName) ? { output: after > 0 ? 'writing\n' : 'partitioning\nwriting\n', next: 2 } : undefined,
    tag: async (resources, tags) => {
      asked.push(['tag', { resources, tags }])
      return { tagged: resources.length }
    },
    untag: async (resources, keys) => {
      asked.push(['untag', { resources, keys }])
      return { untagged: 1 }
    },
  }
  return { instances, asked }
}

export const pretendProfileViews: ProfileViews = {
  profiles: async () => [
    {
      ...{ name: 'debian-12', description: 'Debian 12', distribution: 'debian', release: '12' },
      ...{ architecture: 'amd64', installer: 'preseed', source: '/p/debian-12.yaml', medium: 'missing' },
    },
  ],
  distros: async () => [
    {
      ...{ name: 'debian-12-amd64-installer', distribution: 'debian', release: '12', installer: 'preseed' },
      profiles: ['debian-12'],
    },
  ],
}
