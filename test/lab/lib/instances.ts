import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { InstanceView, ReservationView } from '../../../src/core/instanceView.js'
import { GIB, type Lab } from './lab.js'
import type { LabMachine } from './machine.js'

/** What the tests install: of the shipped profiles the one that is there soonest. */
export const PROFILE = 'debian-12-image'

/** Debian 13, for the owner's profiles: two tests share its image. */
export const SEALED = `extends: debian-13-image
partitioning: { layout: encryption-ready, swap: 256M }
`

/** The rule for the disk asks for 8 GB. */
export const DISK = { size: 10 * GIB }

/** What `describe-instances` calls the place where an instance is in its life. */
export const placeOf = ({ state, stage }: Pick<InstanceView, 'state' | 'stage'>) => stage ?? state

/**
 * Starts the daemon with what installs need: mirrors, the owner's key and the profile's medium.
 * @param own the owner's profiles: YAML by name
 */
export async function startForInstalls(
  lab: Lab,
  flags: readonly string[] = [],
  own: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  const mirrors = await lab.openMirrors()
  const folder = await ownProfiles(lab, own)
  await lab.daemon.takeMedia([PROFILE, ...Object.keys(own)], folder)
  const all = [...mirrors.flags, ...lab.owner.flags, ...folder, ...flags]
  await lab.daemon.start(all)
  return all
}

/**
 * The owner's profiles, and the flags that name their place.
 * @param own YAML by name
 */
export async function ownProfiles(
  lab: Lab,
  own: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const folder = join(lab.folder, 'profiles')
  await mkdir(folder)
  for (const [name, yaml] of Object.entries(own)) await writeFile(join(folder, `${name}.yaml`), yaml)
  return ['--profiles-dir', folder]
}

const listed = async (lab: Lab) =>
  (await lab.daemon.api<ReservationView[]>('GET', 'instances')).flatMap(({ instances }) => instances)

/** The one instance that a machine has now, which is not terminated. */
export async function instanceOn(lab: Lab, { mac }: LabMachine): Promise<InstanceView> {
  const system = (await lab.daemon.systems()).find(({ macs }) => macs.some(m => m === mac))
  const found = (await listed(lab)).find(i => i.machine === system?.id && i.state !== 'terminated')
  if (!found) throw new Error(`there is no instance on ${mac}`)
  return found
}

/** Where an instance was found, and since when it was there (ms since 1970). */
export type Sight = { readonly place: string; readonly since: number }
export type Watch = { of(instance: string): readonly Sight[]; stop(): Promise<void> }

const LOOK_MS = 150

/** Looks at the instances again and again and keeps where each one was seen, in order. */
export function watchInstances(lab: Lab): Watch {
  const seen = new Map<string, Sight[]>()
  let stopped = false
  const look = async () => {
    for (const instance of await listed(lab)) {
      const sights = seen.get(instance.id) ?? []
      seen.set(instance.id, sights)
      const place = placeOf(instance)
      if (sights.at(-1)?.place !== place) sights.push({ place, since: Date.parse(instance.since) })
    }
  }
  const keepLooking = async () => {
    while (!stopped) {
      await look()
      await new Promise(resolve => setTimeout(resolve, LOOK_MS))
    }
    await look() // what happened while it slept
  }
  const looking = keepLooking()
  looking.catch(() => {}) // told by stop()
  return {
    of: instance => seen.get(instance) ?? [],
    async stop() {
      stopped = true
      await looking
    },
  }
}

/** A file for `--user-data`. */
export async function userData(lab: Lab, name: string, text: string): Promise<string> {
  const path = join(lab.folder, name)
  await writeFile(path, text)
  return path
}
