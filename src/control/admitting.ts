import { isOverdue } from '../core/deadlines.js'
import type { HandOut, InstanceRecord, Phase, Task } from '../core/instance.js'
import type { Machine } from '../core/machine.js'
import { type Refusal, refuse } from '../core/refusal.js'
import type { Act } from './act.js'
import type { Peer } from './instances.js'
import type { LifeRules } from './phases.js'
import { hashOf } from './tokens.js'

export type Call = 'answers' | 'finish' | 'report' | 'log' | 'phone-home'

/**
 * In which phases each call may be made with which token. Reports and logs come once more when their answer was lost,
 * so they are heard a phase longer than they change anything.
 */
const HEARD: Record<Call, Partial<Record<Task, readonly Phase[]>>> = {
  answers: { install: ['starting'], wipe: ['shutting-down'] },
  finish: { install: ['installing'] },
  report: {
    install: ['starting', 'installing', 'installed', 'converging', 'running', 'failed'],
    wipe: ['shutting-down', 'terminated'],
  },
  log: {
    install: ['starting', 'installing', 'installed', 'converging', 'running', 'failed'],
    wipe: ['shutting-down', 'terminated'],
    phone: ['installing', 'installed', 'converging', 'running', 'failed'],
  },
  'phone-home': { phone: ['installing', 'installed', 'converging', 'running'] },
}

/** Somebody who holds a token that allows what he asks. */
export type Admitted = {
  readonly handOut: HandOut
  readonly instance: InstanceRecord
  readonly machine: Machine // with facts
}

/** The refusal is kept as an event of the token's machine, if there is one. */
export async function admit(
  act: Act,
  rules: LifeRules,
  call: Call,
  token: string,
  peer: Peer,
): Promise<Admitted | Refusal> {
  const handOut = await act.tx.handOut(hashOf(token))
  const instance = handOut && (await act.tx.instance(handOut.instance))
  const machine = instance && (await act.tx.find(instance.machine))
  if (!handOut || !instance || !machine)
    return refuse('forbidden', 'no install waits for this token: netboot the machine to get a new one')
  const why = whyNot({ handOut, instance, machine }, rules, call, peer, act.at)
  if (why === undefined) return { handOut, instance, machine }
  return deny(act, instance, call, why, peer)
}

function whyNot(
  { handOut, instance, machine }: Admitted,
  rules: LifeRules,
  call: Call,
  peer: Peer,
  at: Date,
): string | undefined {
  const stranger = whyNotPeer(handOut, machine, peer)
  if (stranger) return stranger
  if (!handOut.current) return 'the token was replaced by a newer one, or its instance was terminated'
  if (!HEARD[call][handOut.task]?.includes(instance.phase))
    return `a token to ${handOut.task} may not ask for ${call} while the instance is ${instance.phase}`
  if (handOut.task !== 'wipe' && isOverdue(instance, at, rules.started))
    return `the time for being ${instance.phase} is over`
  return undefined
}

/** The neighbour table knows whose address it is; where it knows nothing, the address itself has to be the same. */
function whyNotPeer(handOut: HandOut, machine: Machine, { address, mac }: Peer): string | undefined {
  if (mac !== undefined)
    return machine.macs.includes(mac)
      ? undefined
      : `${address} belongs to ${mac}, which is not a card of ${machine.name}`
  return address === handOut.address
    ? undefined
    : `it was handed to ${handOut.address ?? 'another address'}, not to ${address}`
}

/** Kept as an event, so that the owner sees who tried. */
export async function deny(
  act: Act,
  { id, name, machine }: InstanceRecord,
  call: Call,
  why: string,
  { address }: Peer,
): Promise<Refusal> {
  await act.note(machine, 'refused', `${id} (${name}): ${call} from ${address}: ${why}`, {
    instance: id,
    call,
    address,
  })
  return refuse('forbidden', why)
}
