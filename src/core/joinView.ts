import type { JoinRule, Verdict } from './joinRule.js'
import type { MachineId } from './machine.js'

/** GET /api/v1/join-rules */
export type JoinRulesView = {
  readonly file: string
  readonly problems: readonly string[] // as long as there is one, no rule applies
  readonly rules: readonly JoinRuleView[] // in order
}

export type JoinRuleView = Omit<JoinRule, 'match'> & {
  readonly match: readonly string[]
  readonly instances: number // that it launched and that are not terminated
  readonly problem?: string // why its profile cannot be installed at present
}

/** GET /api/v1/systems/:system/explanation: whether a rule lets it join, and why or why not. */
export type ExplanationView = {
  readonly id: MachineId
  readonly name: string
  readonly joins: boolean
  readonly why: string // one sentence
  readonly rules: readonly { readonly name: string; readonly verdict: Verdict; readonly why: string }[]
}
