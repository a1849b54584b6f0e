import type { Logger } from 'pino'
import { deadlineOf } from '../core/deadlines.js'
import { isMember } from '../core/election.js'
import type { InstanceId, InstanceRecord } from '../core/instance.js'
import type { PlanView } from '../core/nodeStep.js'
import { checkScript, factsScript, parseFacts, planNode, publishedFacts } from '../core/plan.js'
import { isRefusal, type Refusal, refuse } from '../core/refusal.js'
import type { NodeFacts, Plan, Role, Step, StepInput, Wanted } from '../core/role.js'
import { type NodeSession, TIMED_OUT } from '../io/nodeSession.js'
import { SshError } from '../io/ssh.js'
import type { Store } from '../io/store.js'
import type { Act } from './act.js'
import { unknownInstance } from './choosing.js'
import type { Commits } from './commits.js'
import { beginStep, CHECK, converge, endStep, nodeOfTurn, type StepEnd } from './nodeSteps.js'
import type { LifeRules } from './phases.js'
import { lookAgain, rolesOf } from './pools.js'
import { type Node, nodeOf } from './rebooting.js'
import { type Around, wantedFor } from './wanted.js'

export type ConvergeOptions = {
  readonly store: Store
  readonly commits: Commits
  readonly rules: LifeRules
  /** The roles of these names, or why there is none. */
  readonly roles: (names: readonly string[]) => Promise<readonly Role[] | Refusal>
  readonly around: () => Promise<Around>
  /** Rejects as `openNode` does. */
  readonly connect: (node: Node, end: AbortSignal) => Promise<NodeSession>
  readonly inputOf: (input: StepInput, instance: InstanceRecord) => Promise<Buffer | Refusal>
  readonly atOnce: number // nodes
  readonly driftCheck?: number | undefined // seconds
  readonly now: () => Date
  readonly log: Logger
}

/**
 * Makes nodes what their roles want them to be. Whatever is known of a pass is in the database and on the node, so it may
 * be cut at any moment: facts are gathered anew, and tell what is left to do.
 */
export type Converger = {
  /** Cuts what must not go on, and takes up what a fault or a kill left in the middle. */
  tidy(): Promise<void>
  /** Begins with a node, unless it is worked on already or too many are. */
  start(id: InstanceId): void
  /** What would be done. Looks at the node, and changes nothing. */
  plan(idOrName: string): Promise<PlanView | Refusal>
  /** Resolves when no node is worked on. */
  settled(): Promise<void>
  close(): Promise<void>
}

const FACTS_S = 300
const CHECKING = { id: CHECK, reason: 'all is as its roles want it: does it work?', timeout: 300, tries: 5 }
const PLAN_MS = 5 * 60_000

/** The node cannot be worked on for a reason that is not its own. */
class Hindrance extends Error {}

type Look = { roles: readonly Role[]; wanted: Wanted; facts: NodeFacts; plan: Plan }

export function createConverger(options: ConvergeOptions): Converger {
  const { store, commits, rules, connect, now, log } = options
  const working = new Map<InstanceId, { done: Promise<void>; cut: AbortController }>()
  const settled = async () => void (await Promise.all([...working.values()].map(({ done }) => done)))
  let closed = false

  /** One round trip. What the node publishes counts in its own plan already. */
  async function look(session: NodeSession, instance: InstanceRecord, publishes: boolean): Promise<Look> {
    const roles = await options.roles(rolesOf(instance, rules))
    if (isRefusal(roles)) throw new Hindrance(roles.why)
    const around = await options.around()
    const want = () => wantedFor(store, rules, around, instance, now())
    const asked = await want()
    const { stdout, stderr } = await session.run({ script: factsScript(roles, asked), timeout: FACTS_S })
    const facts = parseFacts(stdout)
    if (isRefusal(facts)) throw new Hindrance(`${facts.why}${stderr ? `: ${stderr.trim().slice(-200)}` : ''}`)
    const told = publishedFacts(roles, asked, facts)
    if (publishes) await commits.commit(act => publish(act, instance, told))
    const wanted = await want()
    return { roles, wanted, facts, plan: planNode(roles, wanted, facts) }
  }

  /** Gathers facts, and does the first thing that is due. How many steps were done, unless there is nothing left to do. */
  async function turn(session: NodeSession, id: InstanceId, steps: number): Promise<number | undefined> {
    const instance = await store.instance(id)
    if (!instance || !isMember(instance)) return undefined
    const { roles, wanted, facts, plan } = await look(session, instance, true)
    const [step] = plan.steps
    if (step) return (await runStep(session, id, step)) ? steps + 1 : undefined
    if (plan.waiting !== undefined) {
      const why = plan.waiting
      await commits.commit(act => wait(act, id, why))
      return undefined
    }
    const check = { ...CHECKING, script: checkScript(roles, wanted, facts) }
    await runStep(session, id, check, act => finish(act, id, steps))
    return undefined
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
    const begun = await commits.commit(act => beginStep(act, rules, id, step), 'synced')
    if (!begun) return false
    const end = await endOf(session, id, step)
    return commits.commit(async act => {
      const isDone = await endStep(act, rules, id, { step, begun, end })
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

  async function wait(act: Act, id: InstanceId, why: string) {
    const instance = await nodeOfTurn(act, id)
    if (!instance) return
    const { waiting } = await act.tx.pool(instance.group)
    await converge.waits(act, instance, waiting ?? why)
  }

  async function finish(act: Act, id: InstanceId, steps: number) {
    const instance = await nodeOfTurn(act, id)
    if (instance) await converge.done(act, rules, instance, { steps, driftCheck: options.driftCheck })
  }

  /** Takes a node that is due. Its time goes on if it stood still. */
  async function begin(act: Act, id: InstanceId): Promise<Node | undefined> {
    const instance = await nodeOfTurn(act, id)
    if (!instance?.convergeAt || instance.convergeAt > act.at || instance.turning) return undefined
    const { convergeAt: _, ...taken } = instance
    if ((await act.tx.brief(instance.machine))?.state === 'protected') {
      await act.tx.saveInstance(taken)
      return undefined
    }
    const { installer, deadlines: profile } = instance.snapshot
    const deadline =
      instance.deadline ??
      deadlineOf(instance.phase, act.at, { installer, settings: rules.deadlines, profile })
    await act.tx.saveInstance({ ...taken, turning: true, ...(deadline && { deadline }) })
    return nodeOf(instance)
  }

  /** What is asked meanwhile is done on the same connection; a pause or a wait ends it. */
  async function work(id: InstanceId, end: AbortSignal): Promise<void> {
    let node = await commits.commit(act => begin(act, id))
    if (!node) return
    let session: NodeSession | undefined
    try {
      session = await connect(node, end)
      while (node && !end.aborted) {
        for (let steps: number | undefined = 0; steps !== undefined && !end.aborted; )
          steps = await turn(session, id, steps)
        await commits.commit(act => release(act, id, end.aborted))
        node = end.aborted ? undefined : await commits.commit(act => begin(act, id))
      }
    } catch (error) {
      await commits.commit(act => missed(act, id, error as Error, end.aborted))
    } finally {
      session?.close()
    }
  }

  async function missed(act: Act, id: InstanceId, error: Error, cut: boolean) {
    await release(act, id, cut)
    const instance = await nodeOfTurn(act, id)
    if (!instance || cut) return
    const isKnown = error instanceof SshError || error instanceof Hindrance
    if (!isKnown) log.error({ err: error, instance: id }, 'cannot work on a node')
    if (error instanceof SshError && error.fault === 'stranger')
      return converge.failed(act, rules, instance, error.message)
    await converge.missed(act, instance, error.message)
  }

  /** Nobody works on it any more. What was cut short goes on as soon as there is time for it. */
  async function release(act: Act, id: InstanceId, cut: boolean) {
    await act.tx.interruptNodeSteps(id, act.at)
    const instance = await act.tx.instance(id)
    if (!instance?.turning) return
    const again = cut && isMember(instance)
    await act.tx.saveInstance({ ...instance, turning: false, ...(again && { convergeAt: act.at }) })
  }

  async function tidy() {
    for (const id of await store.turning()) {
      const work = working.get(id)
      if (!work) await commits.commit(act => release(act, id, true), 'synced')
      else if (!(await isNode(id))) work.cut.abort()
    }
  }

  const isNode = async (id: InstanceId) => {
    const instance = await store.instance(id)
    return instance !== undefined && isMember(instance)
  }

  const start = (id: InstanceId) => {
    if (closed || working.has(id) || working.size >= options.atOnce) return
    const cut = new AbortController()
    const done = work(id, cut.signal)
      .catch(error => log.error({ err: error, instance: id }, 'what was done on a node is not kept'))
      .finally(() => working.delete(id))
    working.set(id, { done, cut })
  }

  async function plan(idOrName: string): Promise<PlanView | Refusal> {
    const instance = await store.findInstance(idOrName)
    if (!instance) return unknownInstance(idOrName)
    const node = nodeOf(instance)
    const { id, name, phase } = instance
    if (!node || !(isMember(instance) || phase === 'failed'))
      return refuse('conflict', `${id} (${name}) is ${phase}: only nodes that are up can be looked at`)
    let session: NodeSession | undefined
    try {
      session = await connect(node, AbortSignal.timeout(PLAN_MS))
      const { plan } = await look(session, instance, false)
      const steps = plan.steps.map(({ id, reason }) => ({ id, reason }))
      return { instance: id, steps, ...(plan.waiting !== undefined && { waiting: plan.waiting }) }
    } catch (error) {
      return { instance: id, steps: [], problem: (error as Error).message }
    } finally {
      session?.close()
    }
  }

  const close = async () => {
    closed = true
    for (const { cut } of working.values()) cut.abort()
    await settled()
  }

  return { tidy, start, plan, settled, close }
}
