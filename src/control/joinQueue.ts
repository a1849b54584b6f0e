import type { ExplanationView, JoinRulesView } from '../core/joinView.js'
import type { Machine, MachineId } from '../core/machine.js'
import { isRefusal, type Refusal } from '../core/refusal.js'
import type { RulesFile } from '../io/joinRules.js'
import { allowJoin, type JoinParts, join } from './joining.js'
import { explain, joinRulesView } from './joinViews.js'
import { poolChanged } from './pools.js'

/** Machines that sit in the scout and have nothing to do, and the rules by which they join. */
export type Joining = {
  /** A scout that has posted its facts asks for orders; `idle`: there are none. */
  asked(machine: MachineId, idle: boolean): void
  /** Every machine that waits joins if a rule lets it; those that wait longest come first. */
  pass(): Promise<void>
  rules(): Promise<JoinRulesView>
  explain(idOrName: string): Promise<ExplanationView | Refusal>
  allow(idOrName: string): Promise<Machine | Refusal>
  /** For the status. */
  last(): RulesFile
}

/** A scout asks every minute at least; one that was not heard of for this long has left. */
const LEFT_MS = 120_000

export function createJoining(parts: JoinParts & { readonly wake?: () => void }): Joining {
  const { joinRules, commits, now } = parts
  const waiting = new Map<MachineId, number>() // when it asked last
  const refused = new Map<MachineId, string>() // what was told of it

  const consider = async (id: MachineId) => {
    const joined = await join(parts, id)
    if (joined && isRefusal(joined)) return tell(id, joined.why)
    if (joined) forget(id)
    else refused.delete(id)
  }

  /** Once: the same again would fill the events. */
  const tell = async (id: MachineId, why: string) => {
    if (refused.get(id) === why) return
    refused.set(id, why)
    await commits.commit(act => act.note(id, 'join', `cannot join: ${why}`))
  }

  const forget = (id: MachineId) => {
    waiting.delete(id)
    refused.delete(id)
  }

  return {
    asked: (id, idle) => {
      const isNew = idle && !waiting.has(id)
      if (idle) waiting.set(id, now().getTime())
      else forget(id)
      if (isNew) parts.wake?.()
    },
    pass: async () => {
      const { rules } = await joinRules.current()
      const since = now().getTime() - LEFT_MS
      for (const [id, asked] of [...waiting])
        if (asked < since) forget(id)
        else if (rules.length > 0) await consider(id)
    },
    rules: () => joinRulesView(parts),
    explain: idOrName => explain(parts, idOrName),
    allow: idOrName => commits.commit(act => allowJoin(act, idOrName), 'synced'),
    last: joinRules.last,
  }
}

const SHORTEST_WAIT_MS = 100 // changes come in swarms
const LOOK_MS = 5_000 // at the file of the rules
const AGAIN_MS = 60_000 // a profile may have been mended, or its image built

/** Passes when a machine begins to wait, when something changed, and when the file of the rules did. */
export function startJoining(parts: JoinParts): Joining & { close(): Promise<void> } {
  const { commits, joinRules, log } = parts
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<void> | undefined
  let known: RulesFile | undefined
  let due = true
  let passed = 0
  let closed = false

  const sleep = (wait: number) => {
    clearTimeout(timer)
    if (!closed) timer = setTimeout(wakeUp, wait)
  }
  const wake = () => {
    if (!due && !looking) sleep(SHORTEST_WAIT_MS)
    due = true
  }
  const joining = createJoining({ ...parts, wake })

  /** Another number of nodes may do before a pool elects. */
  const tellPools = (groups: ReadonlySet<string>) =>
    commits.commit(async act => {
      for (const group of groups) await poolChanged(act, parts.rules, group, 'hopes')
    })

  const look = async () => {
    const read = await joinRules.current()
    const changed = read !== known
    if (changed) await tellPools(new Set([...(known?.rules ?? []), ...read.rules].map(({ group }) => group)))
    known = read
    if (!changed && !due && performance.now() - passed < AGAIN_MS) return
    due = false
    passed = performance.now()
    await joining.pass()
  }
  const wakeUp = () => {
    looking = look()
      .then(() => (due ? SHORTEST_WAIT_MS : LOOK_MS))
      .catch(error => {
        log.error({ err: error }, 'machines that may join wait')
        due = true
        return LOOK_MS
      })
      .then(wait => {
        looking = undefined
        sleep(wait)
      })
  }
  const unsubscribe = commits.onChange(wake)
  wakeUp()

  return {
    ...joining,
    close: async () => {
      closed = true
      unsubscribe()
      clearTimeout(timer)
      await looking
    },
  }
}
