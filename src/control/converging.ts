import type { Logger } from 'pino'
import { isMember } from '../core/election.js'
import type { InstanceId } from '../core/instance.js'
import type { PlanView } from '../core/nodeStep.js'
import { LOOK_S } from '../core/pauses.js'
import { type Refusal, refuse } from '../core/refusal.js'
import type { NodeSession } from '../io/nodeSession.js'
import { SshError } from '../io/ssh.js'
import type { Act } from './act.js'
import { unknownInstance } from './choosing.js'
import { nodeOfTurn, type PassRules, passEnds, secondsFrom } from './passEnds.js'
import { type LifeRules, phaseDeadline } from './phases.js'
import { rolesOf } from './pools.js'
import { type Node, nodeOf } from './rebooting.js'
import { createTurns, Hindrance, type TurnOptions } from './turning.js'

export type ConvergeOptions = TurnOptions & {
  readonly rules: LifeRules
  /** Rejects as `openNode` does. */
  readonly connect: (node: Node, end: AbortSignal) => Promise<NodeSession>
  readonly atOnce: number // nodes
  readonly driftCheck?: number | undefined // seconds
  readonly log: Logger
}

/**
 * Makes nodes what their roles want them to be. Whatever is known of a pass is in the database and on the node, so it may
 * be cut at any moment: facts are gathered anew, and tell what is left to do.
 */
export type Converger = {
  /** Cuts what must not go on, and takes up what a fault or a kill left in the middle; at first, sees to when nodes are due. */
  tidy(): Promise<void>
  /** Begins with a node, unless it is worked on already or too many are. */
  start(id: InstanceId): void
  /** What would be done. Looks at the node, and changes nothing. */
  plan(idOrName: string): Promise<PlanView | Refusal>
  /** Resolves when no node is worked on. */
  settled(): Promise<void>
  close(): Promise<void>
}

const PLAN_MS = 5 * 60_000

export function createConverger(options: ConvergeOptions): Converger {
  const { store, commits, rules, connect, log } = options
  const working = new Map<InstanceId, { done: Promise<void>; cut: AbortController }>()
  const settled = async () => void (await Promise.all([...working.values()].map(({ done }) => done)))
  const by: PassRules = { rules, every: options.driftCheck ?? LOOK_S }
  const turns = createTurns(options, by)
  let closed = false
  let scheduled = false

  /** Takes a node that is due, unless its machine is protected. Its time begins if it does not run yet. */
  async function begin(act: Act, id: InstanceId): Promise<Node | undefined> {
    const instance = await nodeOfTurn(act, id)
    if (!instance?.convergeAt || instance.convergeAt > act.at || instance.turning) return undefined
    if ((await act.tx.brief(instance.machine))?.state === 'protected') return undefined
    const { convergeAt: _, ...taken } = instance
    const deadline = instance.deadline ?? phaseDeadline(instance, act.at, rules)
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
        for (let more = true; more && !end.aborted; ) more = await turns.turn(session, id)
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
      return passEnds.failed(act, by, instance, error.message)
    await passEnds.missed(act, instance, error.message)
  }

  /** Nobody works on it any more. What was cut short goes on as soon as there is time for it. */
  async function release(act: Act, id: InstanceId, cut: boolean) {
    await act.tx.interruptNodeSteps(id, act.at)
    const instance = await act.tx.instance(id)
    if (!instance?.turning) return
    const again = cut && isMember(instance)
    await act.tx.saveInstance({ ...instance, turning: false, ...(again && { convergeAt: act.at }) })
  }

  /** The setting may be another one than before the start, and nodes may have had no roles. */
  async function schedule() {
    await commits.commit(async act => {
      const convergeAt = secondsFrom(act.at, by.every)
      for (const node of await act.tx.nodesNotLookedAtBy(convergeAt))
        if (rolesOf(node, rules).length > 0) await act.tx.saveInstance({ ...node, convergeAt })
    })
  }

  async function tidy() {
    if (!scheduled) await schedule()
    scheduled = true
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
      const { steps, waiting } = await turns.plan(session, instance)
      const due = steps.map(({ id, reason }) => ({ id, reason }))
      return { instance: id, steps: due, ...(waiting !== undefined && { waiting }) }
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
