import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './process.js'

const BUILD_MS = 1_800_000
const ready = new Map<string, Promise<string>>()

/**
 * A state directory with the medium of this profile in it, built or fetched at the first use (some minutes) and kept
 * between runs. `images build` itself knows whether its inputs have changed.
 * @param flags more of `images build`'s, such as where the owner's profiles are
 */
export function readyMedium(profile: string, flags: readonly string[] = []): Promise<string> {
  const made = ready.get(profile) ?? build(profile, flags)
  ready.set(profile, made)
  return made
}

async function build(profile: string, flags: readonly string[]): Promise<string> {
  const stateDir = join(process.cwd(), '.cache', 'media')
  await mkdir(stateDir, { recursive: true })
  const command = [process.execPath, 'dist/cli.js', 'images', 'build', profile, '--state-dir', stateDir]
  // one build at a time, whoever else runs a lab in this checkout
  await run('flock', [join(stateDir, '.lock'), ...command, ...flags], { timeoutMs: BUILD_MS })
  await stat(join(stateDir, 'media'))
  return stateDir
}
