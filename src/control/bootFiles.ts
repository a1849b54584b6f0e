import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { NBP_NAMES } from '../io/nbp.js'
import { createSharedFiles, type SharedFile } from '../io/sharedFiles.js'

export type ScoutFile = 'vmlinuz' | 'initrd'

/** What is served out of the state directory, and nothing else: names are looked up in a list, never joined unseen. */
export type BootFiles = {
  names(): string[] // network boot programs that are there
  has(name: string): boolean
  read(name: string): Promise<Buffer | undefined> // one buffer, shared by all transfers of it
  scoutFile(name: ScoutFile): string | undefined // path; undefined when no scout was built yet
  readScout(name: ScoutFile): Promise<SharedFile | undefined> // shared by all transfers as well
}

/** Opens STATE/boot and STATE/scout. Both may be filled or renewed while the daemon runs. */
export function openBootFiles(stateDir: string): BootFiles {
  const shared = createSharedFiles()
  const pathOf = (name: string) => join(stateDir, 'boot', name)
  const scoutPath = (name: ScoutFile) => join(stateDir, 'scout', name)
  return {
    names: () => listed(join(stateDir, 'boot')).filter(name => NBP_NAMES.includes(name)),
    has: name => NBP_NAMES.includes(name) && isFile(pathOf(name)),
    read: async name => (NBP_NAMES.includes(name) ? (await shared(pathOf(name)))?.bytes : undefined),
    scoutFile: name => (isFile(scoutPath(name)) ? scoutPath(name) : undefined),
    readScout: name => shared(scoutPath(name)),
  }
}

const isFile = (path: string) => lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false

function listed(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
