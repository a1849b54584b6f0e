import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mediumOf } from '../../src/core/profile.js'
import { openMedia, publishMedium } from '../../src/io/media.js'
import { openProfiles } from '../../src/io/profiles.js'
import { publicKey } from './machine.js'

/** Puts into the state directory what every shipped profile can be installed from, and an owner's key, where there is none. */
export async function pretendSupplies(stateDir: string, now: Date): Promise<void> {
  const key = `${publicKey()} nobody\n`
  await writeFile(join(stateDir, 'authorized_keys'), key, { flag: 'wx' }).catch(() => {})
  const media = openMedia(stateDir)
  for (const { profile } of await openProfiles({ folder: join(stateDir, 'profiles') }).list()) {
    if (!profile || (await media.current(mediumOf(profile)))) continue
    const names = profile.installer === 'image' ? ['root.tar.zst'] : ['vmlinuz', 'initrd']
    await publishMedium({
      stateDir,
      medium: mediumOf(profile),
      profile: profile.name,
      kind: profile.installer,
      inputs: 'pretended',
      builtAt: now,
      async fill(folder) {
        for (const name of names) await writeFile(join(folder, name), randomBytes(100_000))
        return {}
      },
    })
  }
}
