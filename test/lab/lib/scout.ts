import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './process.js'

const BUILD_MS = 600_000
let ready: Promise<string> | undefined

/**
 * A state directory with the network boot programs and the scout, built at the first use (about a minute) and kept
 * between runs. `scout build` itself knows whether its recipe has changed.
 */
export function readyScout(): Promise<string> {
  ready ??= build()
  return ready
}

async function build(): Promise<string> {
  const stateDir = join(process.cwd(), '.cache', 'scout')
  await mkdir(stateDir, { recursive: true })
  // one build at a time, whoever else runs a lab in this checkout
  const command = [process.execPath, 'dist/cli.js', 'scout', 'build', '--state-dir', stateDir]
  await run('flock', [join(stateDir, '.lock'), ...command], { timeoutMs: BUILD_MS })
  for (const file of ['scout/vmlinuz', 'scout/initrd', 'boot/undionly.kpxe']) await stat(join(stateDir, file))
  return stateDir
}
