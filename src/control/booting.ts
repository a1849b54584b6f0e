import { keysOf, score } from '../core/identity.js'
import type { Machine } from '../core/machine.js'
import { identityOfReport, withReport } from '../core/observed.js'
import { recognise } from '../core/recognise.js'
import type { IpxeReport } from '../core/sighting.js'
import { type Act, createMachine, foldInto } from './act.js'
import { bootingOf } from './handingOut.js'
import type { Boot } from './inventory.js'
import { jobOf } from './jobs.js'
import type { LifeRules } from './phases.js'
import { hashOf, newToken } from './tokens.js'

/** iPXE asks for its script: whose machine is it, and where does it boot? */
export async function boot(act: Act, rules: LifeRules, report: IpxeReport): Promise<Boot> {
  const machine = await machineOf(act, report)
  await act.tx.save(machine)
  const booting = await bootingOf(act, rules, machine)
  const { target } = booting
  await act.note(machine.id, 'netbooted', `asked what to boot: ${target} (${described(machine)})`, {
    mac: report.mac,
    address: report.address,
    target,
  })
  await endReboot(act, machine)
  if (target === 'scout') {
    const scoutToken = newToken(act.random)
    await act.tx.setToken(machine.id, hashOf(scoutToken))
    return { machine, target, scoutToken }
  }
  await act.tx.setToken(machine.id, null) // whoever holds the old one is not running any more
  if (target === 'disk') return { machine, target }
  return { machine, target, job: await jobOf(act, machine, booting.given) }
}

async function machineOf(act: Act, report: IpxeReport): Promise<Machine> {
  const claim = identityOfReport(report)
  const { same, fold, suspects } = recognise(await act.tx.sharing(keysOf(claim)), claim)
  if (same) return withReport(await foldInto(act, same, fold), report)
  const machine = await createMachine(act, report.mac)
  await act.note(machine.id, 'seen', `new machine: iPXE on ${report.mac}`, { mac: report.mac })
  for (const suspect of suspects) {
    const { agree, differ } = score(suspect, claim)
    const evidence = `same ${agree.join(', ')}${differ.length > 0 ? `, but another ${differ.join(', ')}` : ''}`
    await act.note(
      machine.id,
      'suspected',
      `may be ${suspect.name} (${suspect.id}): ${evidence}; kept apart until more agrees`,
      { machine: suspect.id, agree, differ },
    )
  }
  return withReport(machine, report)
}

const described = ({ vendor, product, serial }: Machine) =>
  [vendor, product, serial && `serial ${serial}`].filter(Boolean).join(' ') || 'no SMBIOS values'

/** A machine that netboots has done what a reboot was for, whether or not its scout could say so. */
async function endReboot(act: Act, machine: Machine): Promise<void> {
  const reboot = await act.tx.openOrder(machine.id, 'reboot')
  if (reboot && (await act.tx.closeOrder(machine.id, reboot.id, act.at)))
    await act.note(machine.id, 'order-done', `reboot (order ${reboot.id}): it netboots again`, {
      order: reboot.id,
    })
}
