import type { Logger } from 'pino'
import { systemFields } from '../core/filter.js'
import type { RunRequest } from '../core/instanceView.js'
import { JOIN_TAG, type JoinRule, type Judgement, judge, whyNotJoin, winnerOf } from '../core/joinRule.js'
import type { Machine, MachineId } from '../core/machine.js'
import { isRefusal, type Refusal } from '../core/refusal.js'
import type { JoinRules } from '../io/joinRules.js'
import type { Reads, Store } from '../io/store.js'
import type { Act } from './act.js'
import type { Commits } from './commits.js'
import { change, lookUp, unknown } from './owning.js'
import { planRun, type RunParts, type RunPlan, run } from './running.js'

export type JoinParts = RunParts & {
  readonly store: Store
  readonly commits: Commits
  readonly joinRules: JoinRules
  readonly now: () => Date
  readonly log: Logger
}

/** What came of one look: nothing when no rule lets it join, or why the rule that does could not take it. */
export type Joined = { readonly by: string } | Refusal | undefined

/** Other rules may come first, as instances come and go between the look and the transaction. */
const MOST_LOOKS = 5

/** Lets a machine join by the rule that is for it, if there is one. */
export async function join(parts: JoinParts, id: MachineId): Promise<Joined> {
  const { store, commits, joinRules, rules: life } = parts
  for (let look = 0; look < MOST_LOOKS; look++) {
    const { rules } = await joinRules.current()
    const machine = await store.brief(id)
    const rule = machine && (await ruleFor(store, rules, machine))
    if (!rule) return undefined
    const plan = await planRun(parts, requestOf(rule, machine))
    if (isRefusal(plan)) return plan
    const done = await commits.commit(async act => {
      const still = await act.tx.brief(id)
      if (!still || (await ruleFor(act.tx, rules, still)) !== rule) return 'another'
      return enter(act, { ...plan, rules: life, rule }, still)
    }, 'synced')
    if (done !== 'another') return done
  }
  return undefined
}

/** The rule that a machine may join by; none while it is told to do something else. */
async function ruleFor(
  reads: Reads,
  rules: readonly JoinRule[],
  machine: Machine,
): Promise<JoinRule | undefined> {
  if (whyNotJoin(machine) || (await reads.openOrder(machine.id))) return undefined
  return winnerOf(await judgeAll(reads, rules, machine))
}

export async function judgeAll(
  reads: Reads,
  rules: readonly JoinRule[],
  machine: Machine,
): Promise<Judgement[]> {
  const { hold, instance, profile, tags } = machine
  const fields = systemFields(machine, { user: hold?.user, instance: instance?.id, profile, tags })
  return judge(rules, fields, await reads.liveByTag(JOIN_TAG))
}

export const requestOf = ({ name, user, profile }: JoinRule, { id }: Machine): RunRequest => ({
  ...{ user, profile, systems: [id], tags: { [JOIN_TAG]: name } },
})

async function enter(
  act: Act,
  { rule, rules, ...plan }: RunPlan & { rule: JoinRule } & Pick<RunParts, 'rules'>,
  machine: Machine,
): Promise<Joined> {
  const done = await run(act, rules, plan)
  if (isRefusal(done)) return done
  const moved = await change(act, rules, machine, { group: rule.group })
  if (isRefusal(moved)) throw new Error(`${machine.name} cannot come into ${rule.group}: ${moved.why}`)
  const { name, group, profile } = rule
  await act.note(machine.id, 'join', `joins ${group} with ${profile} by the rule ${name}`, { rule: name })
  return { by: name }
}

/** The owner lets a machine join again whose instance was terminated. */
export async function allowJoin(act: Act, idOrName: string): Promise<Machine | Refusal> {
  const machine = await lookUp(act.tx, idOrName)
  if (!machine) return unknown(idOrName)
  if (!machine.rests) return machine
  const { rests: _, ...awake } = machine
  await act.tx.save(awake)
  await act.note(machine.id, 'changed', 'may join by a rule again')
  return awake
}
