import type { Inventory } from '../../src/control/inventory.js'
import type { Event } from '../../src/core/events.js'
import type { Machine, MachineId } from '../../src/core/machine.js'
import type { GivenOrder, Order } from '../../src/core/order.js'
import { refuse } from '../../src/core/refusal.js'
import { type Mac, parseMac } from '../../src/wire/mac.js'

export const MAC = parseMac('52:54:00:12:34:56') as Mac
export const SCOUT_TOKEN = '0123456789abcdef0123456789abcdef'
export const AT = new Date('2026-01-02T03:04:05Z')

export const machine = (some: Partial<Machine> = {}): Machine => ({
  id: 'm-0123456789ab' as MachineId,
  name: 'oak-1',
  group: 'default',
  state: 'seen',
  localBoot: 'auto',
  macs: [MAC],
  firstSeen: AT,
  lastSeen: AT,
  ...some,
})

/**
 * An inventory of one machine, `oak-1`, in memory: enough for the routes, which only pass on what it says.
 * `tell` makes an event, `order` gives an order; both wake who listens.
 */
export function pretendInventory() {
  const listeners = new Set<(what: { machine?: MachineId }) => void>()
  let oak = machine()
  const orders: Order[] = []
  const events: Event[] = []
  const wake = () => {
    for (const listener of listeners) listener({ machine: oak.id })
  }
  const named = (idOrName: string) => idOrName === oak.id || idOrName === oak.name
  const unknown = (idOrName: string) => refuse('not-found', `no system ${idOrName}`)

  const inventory: Inventory = {
    sighted: () => {},
    flush: async () => {},
    counters: () => ({}),
    booted: async () => ({ machine: oak, target: 'scout', scoutToken: SCOUT_TOKEN }),
    scoutOf: async token => (token === SCOUT_TOKEN ? oak : undefined),
    recordFacts: async (of, facts) => {
      if (!of.macs.includes(facts.bootMac))
        return refuse('forbidden', `${facts.bootMac} is another machine's`)
      oak = { ...oak, facts, state: 'discovered' }
      return oak
    },
    nextOrder: async () => orders[0],
    orderDone: async (_id, order) => {
      const at = orders.findIndex(o => o.id === order)
      return at >= 0 && orders.splice(at, 1).length > 0
    },
    giveOrder: async (idOrName, kind) => (named(idOrName) ? order(kind) : unknown(idOrName)),
    list: async () => [oak],
    find: async idOrName => (named(idOrName) ? oak : undefined),
    apply: async (idOrName, event) => {
      if (!named(idOrName)) return unknown(idOrName)
      if (event === 'unprotect') return refuse('conflict', `${oak.name} is not protected`)
      oak = { ...oak, state: 'protected' }
      return oak
    },
    change: async (idOrName, change) => {
      if (!named(idOrName)) return unknown(idOrName)
      oak = { ...oak, ...change }
      return oak
    },
    wake: async ([idOrName = '']) => (named(idOrName) ? [oak] : unknown(idOrName)),
    events: async ({ after = 0 }) => events.filter(e => e.id > after),
    onChange: listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }

  function order(kind: GivenOrder): Order {
    const given = { id: orders.length + 1, kind }
    orders.push(given)
    wake()
    return given
  }
  function tell(text: string) {
    events.push({ id: events.length + 1, at: AT, machine: oak.id, kind: 'state', text })
    wake()
  }
  return { inventory, order, tell, listening: () => listeners.size }
}
