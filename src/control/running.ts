import { deadlineOf } from '../core/deadlines.js'
import type { InstanceId, InstanceRecord, Reservation, ReservationId } from '../core/instance.js'
import type { ReservationView, RunRequest } from '../core/instanceView.js'
import type { Machine } from '../core/machine.js'
import { whyNotInstanceName, whyNotUser } from '../core/naming.js'
import { mediumOf, type Profile } from '../core/profile.js'
import { isRefusal, type Refusal, refuse } from '../core/refusal.js'
import { whyNotTags } from '../core/tags.js'
import { whyNotUserData } from '../core/userData.js'
import { offAt } from '../core/waking.js'
import type { Media } from '../io/media.js'
import type { Profiles } from '../io/profiles.js'
import type { Act } from './act.js'
import { allocateFor, type Berth, readWish } from './allocating.js'
import { reservationView } from './instanceViews.js'
import type { LifeRules } from './phases.js'
import { setMinNodes } from './pools.js'

export type RunParts = {
  readonly rules: LifeRules
  readonly profiles: Pick<Profiles, 'find' | 'list'>
  readonly media: Pick<Media, 'current'>
  /** The owner's public SSH keys, which every instance gets. */
  readonly ownerKeys: () => Promise<readonly string[] | Refusal>
}

/** What is asked to run, checked as far as it can be before machines are chosen. */
export type RunPlan = {
  readonly request: RunRequest
  readonly wish: Exclude<ReturnType<typeof readWish>, Refusal>
  readonly profileOf: (machine: Machine) => Profile | Refusal
  readonly userData?: Buffer
}

/** Everything that files and settings have a say in; the transaction waits for none of them. */
export async function planRun(parts: RunParts, request: RunRequest): Promise<RunPlan | Refusal> {
  const { user, tags, name, userData } = request
  const invalid =
    whyNotUser(user) ??
    (tags && whyNotTags(tags)) ??
    (name === undefined ? undefined : whyNotInstanceName(name))
  if (invalid) return refuse('invalid', invalid)
  const wish = readWish(request, 'run')
  if (isRefusal(wish)) return wish
  const profileOf = await profileChooser(parts, request.profile)
  if (isRefusal(profileOf)) return profileOf
  const data = userData === undefined ? undefined : Buffer.from(userData, 'base64')
  const unusable = data && whyNotUserData(data)
  if (unusable) return refuse('invalid', unusable)
  return { request, wish, profileOf, ...(data && { userData: data }) }
}

/** The profile that was asked for, or each machine's own, with all that installing it needs. */
async function profileChooser(
  parts: RunParts,
  wanted: string | undefined,
): Promise<RunPlan['profileOf'] | Refusal> {
  const keys = await parts.ownerKeys()
  if (isRefusal(keys)) return keys
  if (wanted !== undefined) {
    const profile = await usable(parts, keys, wanted)
    return isRefusal(profile) ? profile : () => profile
  }
  const known = new Map<string, Profile | Refusal>()
  for (const { name } of await parts.profiles.list()) known.set(name, await usable(parts, keys, name))
  return ({ profile }) =>
    profile === undefined
      ? refuse('conflict', 'it has no profile of its own: name one with -p, or set-profile first')
      : (known.get(profile) ?? noProfile(profile))
}

const noProfile = (name: string) =>
  refuse('not-found', `there is no profile ${name.slice(0, 80)}: describe-profiles lists them`)

async function usable(
  { profiles, media }: RunParts,
  ownerKeys: readonly string[],
  name: string,
): Promise<Profile | Refusal> {
  const file = await profiles.find(name)
  if (!file) return noProfile(name)
  if (!file.profile) return refuse('conflict', `profile ${name} is broken: ${file.problems?.join('; ')}`)
  const { profile } = file
  if (ownerKeys.length + profile.sshKeys.length + profile.users.flatMap(user => user.sshKeys).length === 0)
    return refuse(
      'conflict',
      'nobody could log in: put your public SSH key into /etc/muster/authorized_keys (setting authorized-keys), or into the profile',
    )
  if (!(await media.current(mediumOf(profile))))
    return refuse(
      'conflict',
      `what ${name} is installed from is missing: run "muster images build ${name}" on the server`,
    )
  return profile
}

/** Takes machines and makes their instances, all or none. */
export async function run(
  act: Act,
  rules: LifeRules,
  { request, wish, profileOf, userData }: RunPlan,
): Promise<ReservationView | Refusal> {
  const { user, clientToken, dryRun } = request
  const known = clientToken === undefined ? undefined : await act.tx.reservationOf(user, clientToken)
  if (known) return current(act, known)
  const berths = await allocateFor(act, wish, profileOf)
  if (isRefusal(berths)) return berths
  const names = await namesFor(act, berths, request.name)
  if (isRefusal(names)) return names
  const reservation = newReservation(act, user, clientToken)
  const instances = berths.map((berth, n) =>
    newInstance(act, rules, reservation, berth, names[n] ?? berth.machine.name, request),
  )
  if (dryRun)
    return reservationView(
      reservation,
      instances,
      berths.map(({ machine }) => heldBy(machine, reservation)),
    )
  await act.tx.addReservation(reservation)
  for (const instance of instances) {
    await act.tx.hold(instance.machine, reservation.id)
    await act.tx.addInstance(instance, userData)
    const { id, name, system, profile, disk } = instance
    await act.note(
      instance.machine,
      'instance',
      `${id} (${name}): ${user} runs ${profile} on ${system}, disk ${disk}`,
      { instance: id, to: instance.phase, reservation: reservation.id, user, profile, disk },
    )
  }
  for (const group of new Set(berths.map(({ machine }) => machine.group)))
    if (request.minNodes !== undefined) await setMinNodes(act, rules, group, request.minNodes)
  return current(act, reservation)
}

const current = async (act: Act, reservation: Reservation): Promise<ReservationView> =>
  reservationView(reservation, await act.tx.instancesOf(reservation.id), await act.tx.held())

export const newReservation = (act: Act, user: string, clientToken: string | undefined): Reservation => ({
  id: `r-${act.random(6).toString('hex')}` as ReservationId,
  user,
  at: act.at,
  ...(clientToken === undefined ? {} : { clientToken }),
})

export const heldBy = ({ id, name, group }: Machine, { id: reservation, user }: Reservation) => ({
  ...{ machine: id, name, group, reservation, user },
})

function newInstance(
  act: Act,
  { deadlines }: LifeRules,
  reservation: Reservation,
  { machine, profile, disk }: Berth,
  name: string,
  { user, tags = {} }: RunRequest,
): InstanceRecord {
  const { installer, deadlines: own } = profile
  const deadline = deadlineOf('reserved', act.at, { installer, settings: deadlines, profile: own })
  return {
    id: `i-${act.random(6).toString('hex')}` as InstanceId,
    ...{ reservation: reservation.id, machine: machine.id, system: machine.name, group: machine.group },
    ...{ name, user, profile: profile.name, snapshot: profile, disk, tags },
    ...{ phase: 'reserved', since: act.at, launched: act.at, attempts: 0 },
    ...(deadline && { deadline }),
    ...{ touched: false, wipe: 'none', powerOff: false, tries: 0, nextTry: offAt(machine) },
    ...{ turning: false, misses: 0, passSteps: 0 },
  }
}

/** `web` for one, `web-1`, `web-2` … for several; the machines' names unless a name was given. */
async function namesFor(
  act: Act,
  berths: readonly Berth[],
  wanted: string | undefined,
): Promise<string[] | Refusal> {
  const names: string[] = []
  for (const [n, { machine }] of berths.entries()) {
    if (wanted === undefined) names.push(await freeName(act, machine.name, names))
    else names.push(berths.length === 1 ? wanted : `${wanted}-${n + 1}`)
  }
  if (wanted === undefined) return names
  for (const name of names) {
    const invalid = whyNotInstanceName(name)
    if (invalid) return refuse('invalid', invalid)
    const holder = await act.tx.instanceNamed(name)
    if (holder)
      return refuse(
        'conflict',
        `${holder.id} is called ${name} already: choose another --name, or terminate it first`,
      )
  }
  return names
}

async function freeName(act: Act, name: string, taken: readonly string[]): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const tried = attempt === 1 ? name : `${name.slice(0, 59)}-${attempt}`
    if (!taken.includes(tried) && !(await act.tx.instanceNamed(tried))) return tried
  }
}
