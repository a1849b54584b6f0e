import { isMember } from '../core/election.js'
import type { InstanceId, InstanceRecord } from '../core/instance.js'
import { transcriptOf } from '../core/masked.js'
import { CHECK } from '../core/nodeStep.js'
import { checkScript, factsScript, parseFacts, planNode, publishedFacts } from '../core/plan.js'
import { isRefusal, type Refusal } from '../core/refusal.js'
import type { NodeFacts, Plan, Role, Step, StepInput, Wanted } from '../core/role.js'
import { type NodeSession, TIMED_OUT } from '../io/nodeSession.js'
import type { Store } from '../io/store.js'
import type { Act } from './act.js'
import type { Commits } from './commits.js'
import { beginStep, endStep, type StepEnd } from './nodeSteps.js'
import { nodeOfTurn, type PassRules, passEnds } from './passEnds.js'
import { lookAgain, rolesOf } from './pools.js'
import { type Around, wantedFor } from './wanted.js'

export type TurnOptions = {
  readonly store: Store
  readonly commits: Commits
  /** The roles of these names, or why there is none. */
  readonly roles: (names: readonly string[]) => Promise<readonly Role[] | Refusal>
  readonly around: () => Promise<Around>
  readonly inputOf: (input: StepInput, instance: InstanceRecord) => Promise<Buffer | Refusal>
  readonly now: () => Date
}

/** What is done on a node that is connected. */
export type Turns = {
  /** What is due. Changes nothing. */
  plan(session: NodeSession, instance: InstanceRecord): Promise<Plan>
  /** Gathers facts, and does the first thing that is due; whether there may be more to do. */
  turn(session: NodeSession, id: InstanceId): Promise<boolean>
}

const FACTS_S = 300
const CHECKING = { id: CHECK, reason: 'all is as its roles want it: does it work?', timeout: 300, tries: 5 }
const TOLD = 200 // characters of what a node complains of

/** The node cannot be worked on for a reason that is not its own. */
export class Hindrance extends Error {}

type Look = { roles: readonly Role[]; wanted: Wanted; facts: NodeFacts; plan: Plan }

export function createTurns(options: TurnOptions, by: PassRules): Turns {
  const { store, commits, now } = options
  const { rules } = by

  /** One round trip. What the node publishes counts in its own plan already. */
  async function look(session: NodeSession, instance: InstanceRecord, publishes: boolean): Promise<Look> {
    const roles = await options.roles(rolesOf(instance, rules))
    if (isRefusal(roles)) throw new Hindrance(roles.why)
    const around = await options.around()
    const want = () => wantedFor(store, rules, around, instance, now())
    const asked = await want()
    const { stdout, stderr } = await session.run({ script: factsScript(roles, asked), timeout: FACTS_S })
    const facts = parseFacts(stdout)
    if (isRefusal(facts)) {
      const complaint = transcriptOf(stderr.trim(), TOLD)
      throw new Hindrance(complaint ? `${facts.why}: ${complaint}` : facts.why)
    }
    const told = publishedFacts(roles, asked, facts)
    if (publishes) await commits.commit(act => publish(act, instance, told))
    const wanted = await want()
    return { roles, wanted, facts, plan: planNode(roles, wanted, facts) }
  }

  async function turn(session: NodeSession, id: InstanceId): Promise<boolean> {
    const instance = await store.instance(id)
    if (!instance || !isMember(instance)) return false
    const { roles, wanted, facts, plan } = await look(session, instance, true)
    const [step] = plan.steps
    if (step) return runStep(session, id, step)
    if (plan.waiting !== undefined) {
      const why = plan.waiting
      await commits.commit(act => withNode(act, id, node => passEnds.waits(act, by, node, why)))
      return false
    }
    const check = { ...CHECKING, script: checkScript(roles, wanted, facts) }
    await runStep(session, id, check, act => withNode(act, id, node => passEnds.done(act, by, node)))
    return false
  }

  async function publish(act: Act, { id, group }: InstanceRecord, values: Readonly<Record<string, string>>) {
    if (!(await nodeOfTurn(act, id)) || !(await act.tx.setNodeValues(id, values))) return
    const others = (await act.tx.instancesIn(group)).filter(one => isMember(one) && one.id !== id)
    await lookAgain(act, others)
  }

  /** Whether it was done; `then` is what follows in the same transaction. */
  async function runStep(
    session: NodeSession,
    id: InstanceId,
    step: Step,
    then?: (act: Act) => Promise<void>,
  ): Promise<boolean> {
    const begun = await commits.commit(act => beginStep(act, by, id, step), 'synced')
    if (!begun) return false
    const end = await endOf(session, id, step)
    return commits.commit(async act => {
      const isDone = await endStep(act, by, id, { step, begun, end })
      if (isDone) await then?.(act)
      return isDone
    }, 'synced')
  }

  async function endOf(session: NodeSession, id: InstanceId, step: Step): Promise<StepEnd> {
    const input = await inputOf(id, step)
    if (input && isRefusal(input)) return { ok: false, how: input.why, output: input.why }
    const script = `exec 2>&1\n${step.script}`
    const { code, stdout } = await session.run({ script, timeout: step.timeout, ...(input && { input }) })
    const late = TIMED_OUT.includes(code)
    const how = code === 0 ? 'done' : late ? `not done within ${step.timeout} s` : `exit code ${code}`
    return { ok: code === 0, how, output: late ? `${stdout}\n${how}` : stdout }
  }

  async function inputOf(id: InstanceId, { input }: Step): Promise<Buffer | Refusal | undefined> {
    const instance = input && (await store.instance(id))
    return instance && options.inputOf(input, instance)
  }

  return { plan: async (session, instance) => (await look(session, instance, false)).plan, turn }
}

/** As it is now: time has passed since it was loaded. */
async function withNode(act: Act, id: InstanceId, what: (node: InstanceRecord) => Promise<void>) {
  const node = await nodeOfTurn(act, id)
  if (node) await what(node)
}
