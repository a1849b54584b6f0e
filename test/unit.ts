import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/**
 * All unit tests in one process, for `npm run check`: TypeScript and the sources are loaded once, not once a file.
 * Each file also runs by itself: `npx tap test/core/identity.test.ts`.
 */
const NEEDS_MORE = /^(interop|lab)\// // root, peers, machines: `npm test` runs them

const here = new URL('.', import.meta.url).pathname
const files = readdirSync(here, { recursive: true, encoding: 'utf8' }).filter(file =>
  file.endsWith('.test.ts'),
)
for (const file of files.sort()) if (!NEEDS_MORE.test(file)) await import(join(here, file))
