import type { InstanceId, InstanceState, PoolRole, Stage } from './instance.js'

/** What is kept of a pool; every group is one. */
export type Pool = {
  readonly name: string // of the group
  readonly minNodes: number // before its first master is elected
  readonly master?: InstanceId // stays until it is gone, and then until the next one is elected
  readonly waiting?: string // what it waits for before it elects: `waiting for nodes (2/3)`
}

/** The fewest nodes that a pool may ask for, and the most. */
export const MIN_NODES = { least: 1, most: 1000 } as const

/** GET /api/v1/pools: one for each group that has a node, or that was given a number of nodes. */
export type PoolView = {
  readonly name: string
  readonly minNodes: number
  readonly master?: InstanceId // of the nodes
  readonly waiting?: string
  readonly nodes: readonly {
    readonly id: InstanceId
    readonly name: string
    readonly state: InstanceState
    readonly stage?: Stage
    readonly role?: PoolRole
    readonly address?: string
    readonly impaired?: string // why
  }[]
}
