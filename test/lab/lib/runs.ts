import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

const RUNS = '.lab/runs'
const KEPT = 12

/** Makes the folder where a run leaves its files, and removes the oldest ones beyond the last few. */
export async function createRunFolder(label: string, now = new Date()): Promise<string> {
  const stamp = now.toISOString().replace(/[-:]/g, '').replace('.', '-').slice(0, 19)
  const folder = join(process.cwd(), RUNS, `${stamp}-${process.pid}-${label}`)
  await mkdir(folder, { recursive: true })
  await prune()
  return folder
}

/** Folders of runs that are still going on are never among the oldest, short of a dozen at once. */
async function prune(): Promise<void> {
  const names = (await readdir(RUNS)).sort()
  // another lab of this process may be pruning too: what is gone already is no fault
  for (const name of names.slice(0, -KEPT)) await rm(join(RUNS, name), { recursive: true, force: true })
}
