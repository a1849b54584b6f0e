import { chooseDisk } from '../core/diskChoice.js'
import { bootOf, type InstanceRecord, type Wipe } from '../core/instance.js'
import type { InstanceView } from '../core/instanceView.js'
import type { MachineId } from '../core/machine.js'
import { isRefusal, type Refusal, refuse } from '../core/refusal.js'
import type { Act } from './act.js'
import { chosenOf, protectedOf } from './choosing.js'
import { free } from './freeing.js'
import type { Chosen } from './instances.js'
import { viewOf } from './instanceViews.js'
import { type LifeRules, move } from './phases.js'
import { nodeOf } from './rebooting.js'

/** The end of an instance, and its second life. */

export type Termination = Chosen & { readonly wipe?: Wipe; readonly powerOff?: boolean }

export async function terminate(
  act: Act,
  rules: LifeRules,
  wanted: Termination,
): Promise<InstanceView[] | Refusal> {
  const chosen = await chosenOf(act.tx, wanted)
  if (isRefusal(chosen)) return chosen
  const kept = await protectedOf(act.tx, chosen)
  if (kept) return kept
  const views: InstanceView[] = []
  for (const instance of chosen) views.push(viewOf(await terminateOne(act, rules, instance, wanted)))
  return views
}

async function terminateOne(
  act: Act,
  rules: LifeRules,
  instance: InstanceRecord,
  { wipe = instance.wipe, powerOff = instance.powerOff }: Termination,
): Promise<InstanceRecord> {
  if (instance.phase === 'terminated') return instance
  const { reason: _, nextTry: __, ...rest } = instance
  const again = instance.phase === 'shutting-down' && wipe === instance.wipe
  if (!again) await act.tx.endHandOuts(instance.id) // nothing that is under way may go on writing
  const stays = runsItsDisk(instance) || instance.reason === NOT_HOME
  const howItComesBack = nodeOf(instance) ? { nextTry: act.at } : stays && { reason: NOT_HOME }
  const change = { wipe, powerOff, attempts: 0, tries: 0, ...howItComesBack }
  const why = `given back by its owner, wipe ${wipe}`
  const ending = await move(act, rules, rest, { event: 'terminate', why, change })
  if (!ending) return instance
  await layToRest(act, instance.machine)
  if (await act.tx.wasHandedOut(instance.id)) return ending
  return (await free(act, rules, ending, 'its machine had not been told of it')) ?? ending
}

const SWITCH = 'switch it off and on'
const NOT_HOME = `it never phoned home, so it cannot be rebooted over SSH: ${SWITCH}`

/** Or hangs on the way there: it comes into the scout when somebody makes it netboot. */
const runsItsDisk = (instance: InstanceRecord) => bootOf(instance) === 'disk'

/** Whoever gives a machine back does not want a join rule to take it again at once. */
async function layToRest(act: Act, id: MachineId): Promise<void> {
  const machine = await act.tx.brief(id)
  if (machine && !machine.rests) await act.tx.save({ ...machine, rests: true })
}

/** Starts failed installs again, on the disk that the rule picks now. */
export async function retry(act: Act, rules: LifeRules, wanted: Chosen): Promise<InstanceView[] | Refusal> {
  const chosen = await chosenOf(act.tx, wanted)
  if (isRefusal(chosen)) return chosen
  const failed = wanted.instances ? chosen : chosen.filter(({ phase }) => phase === 'failed')
  const other = failed.find(({ phase }) => phase !== 'failed')
  if (other)
    return refuse('conflict', `${other.id} (${other.name}) is ${other.phase}: only failed ones start again`)
  const kept = await protectedOf(act.tx, failed)
  if (kept) return kept
  const fresh: InstanceRecord[] = []
  for (const instance of failed) {
    const disk = await diskOf(act, instance)
    if (isRefusal(disk)) return disk
    const note = runsItsDisk(instance) && { note: `it runs its own disk: ${SWITCH}` }
    fresh.push({ ...startOver(instance), ...note, disk: disk.path })
  }
  const views: InstanceView[] = []
  for (const instance of fresh) {
    await act.tx.endHandOuts(instance.id)
    const moved = await move(act, rules, instance, {
      event: 'retry',
      why: 'its owner starts the install again',
      change: instance.note === undefined ? {} : { note: instance.note },
    })
    views.push(viewOf(moved ?? instance))
  }
  return views
}

async function diskOf(act: Act, { machine, snapshot, system }: InstanceRecord) {
  const facts = (await act.tx.find(machine))?.facts
  const disk = facts ? chooseDisk(facts, snapshot.disk) : refuse('conflict', 'its hardware is not known')
  return isRefusal(disk) ? refuse(disk.refused, `${system}: ${disk.why}`) : disk
}

function startOver(instance: InstanceRecord): InstanceRecord {
  const { reason: _, note: __, installedAt: ___, address: ____, hostName: _____, ...rest } = instance
  const { hostKeys: ______, ...fresh } = rest
  return { ...fresh, attempts: 0 }
}
