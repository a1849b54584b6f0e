import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PROFILE, SEALED } from './lib/instances.js'
import { readyMedium } from './lib/media.js'
import { readyScout } from './lib/scout.js'

// Builds what the lab boots and installs before the lab needs it. Which profiles of an owner's use an image is no matter.

const folder = await mkdtemp(join(tmpdir(), 'muster-prepare-'))
try {
  await writeFile(join(folder, 'sealed.yaml'), SEALED)
  await readyScout()
  for (const profile of [PROFILE, 'sealed']) await readyMedium(profile, ['--profiles-dir', folder])
} finally {
  await rm(folder, { recursive: true })
}
