import { derivedOrder, destinationOf, isProven } from '../core/destination.js'
import type { InstanceRecord } from '../core/instance.js'
import type { Machine, MachineId } from '../core/machine.js'
import { BOOT_DISK, DERIVED_ID, type Order } from '../core/order.js'
import type { Act } from './act.js'
import { free } from './freeing.js'
import { type LifeRules, move, tell } from './phases.js'
import { hashOf, newToken } from './tokens.js'

/** To whom: the address, and for a machine in the scout the hash of its scout's token. */
type Receiver = { readonly address: string | undefined; readonly scout?: string }

export type Given = { readonly instance: InstanceRecord; readonly token: string }

/**
 * A new token for the machine's installer. Nothing when it was handed out too often: then the instance has failed.
 * A scout that asks again before it began has only lost the answer: that is no new attempt.
 */
export async function giveInstaller(
  act: Act,
  rules: LifeRules,
  instance: InstanceRecord,
  to: Receiver,
): Promise<Given | undefined> {
  if (instance.phase === 'starting') {
    const token = await again(act, instance, to, () => true)
    if (token) return { instance, token }
  }
  if (instance.attempts >= rules.attempts) {
    await giveUp(act, rules, instance)
    return undefined
  }
  const attempts = instance.attempts + 1
  const why = `the installer was handed out (${attempts} of ${rules.attempts})`
  const given = await move(act, rules, instance, { event: 'install-given', why, change: { attempts } })
  if (!given) return undefined
  await act.tx.appendLog(instance.id, `--- ${act.at.toISOString()} attempt ${attempts}\n`)
  return { instance: given, token: await handOut(act, instance, 'install', to) }
}

async function giveUp(act: Act, rules: LifeRules, instance: InstanceRecord): Promise<void> {
  const doing = instance.note ? `, the last time it was at "${instance.note}"` : ''
  const reason = `the installer was started ${instance.attempts} times and never ended${doing}: see get-console-output`
  await move(act, rules, instance, { event: 'install-failed', why: reason, change: { reason } })
}

async function giveWipe(
  act: Act,
  rules: LifeRules,
  instance: InstanceRecord,
  to: Receiver,
): Promise<string | undefined> {
  const token = await again(act, instance, to, used => !used)
  if (token) return token
  if (instance.attempts >= rules.attempts) {
    const reason = `the disk was not wiped in ${instance.attempts} attempts: see get-console-output, and terminate it again, or with --wipe none to free it as it is`
    if (instance.reason !== reason) {
      await act.tx.saveInstance({ ...instance, reason })
      await tell(act, instance, reason)
    }
    return undefined
  }
  const attempts = instance.attempts + 1
  const { deadline: _, nextTry: __, reason: ___, ...back } = instance // it is back, and a full wipe takes hours
  await act.tx.saveInstance({ ...back, attempts })
  await tell(act, instance, `${instance.wipe} wipe of ${instance.disk} handed out (${attempts})`)
  return handOut(act, instance, 'wipe', to)
}

/** A new token in the place of the one that this scout was given; its answer was lost. */
async function again(
  act: Act,
  instance: InstanceRecord,
  { scout }: Receiver,
  may: (used: boolean) => boolean,
): Promise<string | undefined> {
  const last = await act.tx.currentHandOut(instance.id, 'install')
  if (!last || scout === undefined || last.scout !== scout || !may(last.used)) return undefined
  const token = newToken(act.random)
  await act.tx.renewHandOut(last.hash, hashOf(token))
  return token
}

async function handOut(
  act: Act,
  { id }: InstanceRecord,
  task: 'install' | 'wipe',
  { address, scout }: Receiver,
): Promise<string> {
  const token = newToken(act.random)
  await act.tx.addHandOut({
    ...{ hash: hashOf(token), instance: id, task, at: act.at, used: false, current: true },
    ...(address === undefined ? {} : { address }),
    ...(scout === undefined ? {} : { scout }),
  })
  return token
}

/**
 * What the scout of a machine that carries an instance has to do. Whatever is handed out is counted in the same
 * transaction. `scoutToken`: a scout whose token was replaced has lost its machine, and gets nothing.
 */
export async function orderFor(
  act: Act,
  rules: LifeRules,
  id: MachineId,
  scoutToken: string,
): Promise<Order | undefined> {
  const machine = await act.tx.find(id)
  if (!machine) return undefined
  const scout = hashOf(scoutToken)
  if ((await act.tx.tokenOf(machine.id)) !== scout) return undefined
  const instance = await act.tx.liveInstance(machine.id)
  const kind = derivedOrder(machine, instance)
  if (kind === 'boot-disk') return BOOT_DISK
  if (!instance || !kind || !isProven(machine)) return undefined
  return carryOut(act, rules, kind, machine, instance, { address: machine.address, scout })
}

async function carryOut(
  act: Act,
  rules: LifeRules,
  kind: 'install' | 'reboot' | 'wipe' | 'free',
  machine: Machine,
  instance: InstanceRecord,
  to: Receiver,
): Promise<Order | undefined> {
  switch (kind) {
    case 'reboot':
      return { id: DERIVED_ID, kind }
    case 'install': {
      const given = await giveInstaller(act, rules, instance, to)
      return given && { id: DERIVED_ID, kind, token: given.token }
    }
    case 'wipe': {
      const token = await giveWipe(act, rules, instance, to)
      if (token === undefined || instance.wipe === 'none') return undefined
      return { id: DERIVED_ID, kind, token, mode: instance.wipe }
    }
    case 'free':
      await free(act, rules, instance, 'it is back in the scout')
      return act.tx.openOrder(machine.id)
  }
}

export type Booting =
  | { readonly target: 'scout' }
  | { readonly target: 'disk' }
  | { readonly target: 'installer'; readonly given: Given }

/** Where a machine that netboots is sent; handing out the installer counts as an attempt. */
export async function bootingOf(act: Act, rules: LifeRules, machine: Machine): Promise<Booting> {
  const instance = await act.tx.liveInstance(machine.id)
  const target = destinationOf(machine, instance)
  if (target !== 'installer' || !instance) return { target: target === 'disk' ? 'disk' : 'scout' }
  if (instance.snapshot.installer === 'image') return { target: 'scout' }
  const known = await act.tx.find(machine.id)
  if (!known || !isProven({ ...known, macs: machine.macs })) {
    await tell(act, instance, `waits for the hardware of ${machine.macs[0]}: the scout is to tell it first`)
    return { target: 'scout' }
  }
  const given = await giveInstaller(act, rules, instance, { address: machine.address })
  return given ? { target: 'installer', given } : { target: 'scout' }
}
