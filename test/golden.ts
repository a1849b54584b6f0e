import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Test } from 'tap'

/**
 * Compares text with a kept file; `path` is from the root of the repository.
 * `npm run golden` writes the files anew: look at what git says has changed.
 */
export function golden(t: Test, path: string, got: string): void {
  const file = new URL(`../${path}`, import.meta.url).pathname
  if (process.env.GOLDEN === 'write') {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, got)
  }
  t.equal(got, readKept(file), `${path} is as kept (npm run golden renews it)`)
}

function readKept(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
