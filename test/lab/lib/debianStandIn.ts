import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MEDIUM_FILES } from '../../../src/core/installValues.js'
import { openMedia, publishMedium } from '../../../src/io/media.js'
import { PROFILE } from './instances.js'
import type { Lab } from './lab.js'
import { DAEMON_ADDRESS } from './namespaces.js'
import { overlaid } from './overlay.js'
import { readyScout } from './scout.js'

/** The profile that is installed with the stand-in in the place of Debian's installer. */
export const PRESEEDED = 'debian-12'

const PROGRAMS = Object.fromEntries(
  [
    ['scout', 'debian/installer'],
    ['boot-mac', 'boot-mac'],
    ...['in-target', 'debconf-set', 'logger', 'wget'].map(name => [name, `debian/${name}`] as const),
  ].map(([place, path]) => [`usr/lib/scout/${place}`, new URL(path ?? '', import.meta.url)]),
)

/**
 * Makes debian/installer what {@link PRESEEDED} is installed by; it says what it leaves out. Takes the lab's image as
 * the root of the new system, so that one has to be there.
 * @returns flags for the daemon
 */
export async function takeDebianStandIn({ daemon, folder }: Lab): Promise<readonly string[]> {
  const scout = join(await readyScout(), 'scout')
  const initrd = await overlaid(join(scout, 'initrd'), PROGRAMS, join(folder, 'debian-overlay'))
  await publishMedium({
    ...{ stateDir: daemon.stateDir, medium: 'debian-12-amd64-installer', profile: PRESEEDED },
    ...{ kind: 'preseed', inputs: '0'.repeat(64), builtAt: new Date() },
    async fill(into) {
      await copyFile(join(scout, 'vmlinuz'), join(into, MEDIUM_FILES.kernel))
      await writeFile(join(into, MEDIUM_FILES.initrd), initrd)
      return {}
    },
  })
  const root = await openMedia(daemon.stateDir).current(PROFILE)
  if (!root) throw new Error(`${PROFILE} is not there: takeMedia first`)
  const url = `http://${DAEMON_ADDRESS}:8067/boot/media/${PROFILE}/${root.build}/${MEDIUM_FILES.image}`
  return ['--installer-args', `standin.root=${url}`]
}
