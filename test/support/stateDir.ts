import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/** For tests that are not about the disk: in memory they do not wait for one that others write to. */
const HOME = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** An empty folder that goes when the test ends. */
export function stateDir(t: Pick<Test, 'teardown'>): string {
  const dir = mkdtempSync(join(HOME, 'muster-test-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
