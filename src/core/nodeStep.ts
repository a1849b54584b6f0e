import type { InstanceId } from './instance.js'

/** `interrupted`: the connection or the daemon ended in the middle; the node itself tells what became of it. */
export const STEP_STATES = ['running', 'done', 'failed', 'interrupted'] as const
export type StepState = (typeof STEP_STATES)[number]

/** Id of the step that only looks whether the node works: that it went well is told by what follows. */
export const CHECK = 'check'

/** One time that a step was begun on a node. */
export type NodeStep = {
  readonly id: number // increasing, over all nodes
  readonly instance: InstanceId
  readonly step: string // `ROLE/STEP`
  readonly reason: string // why it was due
  readonly digest: string // SHA-256 of its script: whether the same was tried again
  readonly state: StepState
  readonly started: Date
  readonly ended?: Date
  readonly tries: number // this one included
  readonly output: string // the last of it, without secrets
}

/** GET /api/v1/instances/:id/steps, oldest first. */
export type StepView = Pick<NodeStep, 'step' | 'reason' | 'state' | 'tries' | 'output'> & {
  readonly started: string // ISO 8601
  readonly ended?: string
}

/** GET /api/v1/instances/:id/plan: what would be done, and is not. */
export type PlanView = {
  readonly instance: InstanceId
  readonly steps: readonly { readonly id: string; readonly reason: string }[]
  readonly waiting?: string // what it waits for before the rest can be planned
  readonly problem?: string // why there is no plan: the node cannot be reached, a role is broken
}
