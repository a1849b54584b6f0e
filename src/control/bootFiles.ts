import { readdirSync, statSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { NBP_NAMES } from '../io/nbp.js'

export type ScoutFile = 'vmlinuz' | 'initrd'

/** What is served out of the state directory, and nothing else: names are looked up in a list, never joined unseen. */
export type BootFiles = {
  names(): string[] // network boot programs that are there
  has(name: string): boolean
  read(name: string): Promise<Buffer | undefined> // one buffer, shared by all transfers of it
  scoutFile(name: ScoutFile): string | undefined // path; undefined when no scout was built yet
  readScout(name: ScoutFile): Promise<Version | undefined>
}

/** What a file holds, and how one version of it is told from the next. */
export type Version = { bytes: Buffer; etag: string; modified: Date }

type Cached = { stamp: string; bytes: Promise<Buffer> }

/**
 * Opens STATE/boot and STATE/scout. Both may be filled or renewed while the daemon runs: a file is read again when its
 * size or time changed.
 */
export function openBootFiles(stateDir: string): BootFiles {
  const cache = new Map<string, Cached>()
  const pathOf = (name: string) => join(stateDir, 'boot', name)
  const names = () => listed(join(stateDir, 'boot')).filter(name => NBP_NAMES.includes(name))

  async function read(name: string): Promise<Buffer | undefined> {
    if (!NBP_NAMES.includes(name)) return undefined
    const found = await stat(pathOf(name)).catch(() => undefined)
    if (!found?.isFile()) return undefined
    const stamp = `${found.ino} ${found.size} ${found.mtimeMs}`
    const cached = cache.get(name)
    if (cached?.stamp === stamp) return cached.bytes
    const bytes = readFile(pathOf(name))
    cache.set(name, { stamp, bytes })
    bytes.catch(() => cache.delete(name)) // a failed read must not be remembered
    return bytes
  }

  return {
    names,
    has: name => NBP_NAMES.includes(name) && isFile(pathOf(name)),
    read,
    scoutFile(name) {
      const path = join(stateDir, 'scout', name)
      return isFile(path) ? path : undefined
    },
    readScout: scoutReader(join(stateDir, 'scout')),
  }
}

/**
 * The scout is tens of megabytes, wanted while machines boot: all downloads under way share one copy, and nothing
 * holds it after the last of them.
 */
function scoutReader(folder: string): BootFiles['readScout'] {
  const kept = new Map<string, { etag: string; memory: WeakRef<ArrayBufferLike> }>()
  const reading = new Map<string, Promise<Buffer>>()

  async function fresh(path: string, etag: string): Promise<Buffer> {
    const bytes = await readFile(path)
    // Slices for single answers hold the memory and not this Buffer. Small files share a pool and are read again.
    if (bytes.buffer.byteLength === bytes.length) kept.set(path, { etag, memory: new WeakRef(bytes.buffer) })
    return bytes
  }

  return async name => {
    const path = join(folder, name)
    const found = await stat(path).catch(() => undefined)
    if (!found?.isFile()) return undefined
    const etag = `"${found.ino}-${found.size}-${found.mtimeMs}"`
    const last = kept.get(path)
    const memory = last?.etag === etag && last.memory.deref()
    if (memory) return { bytes: Buffer.from(memory), etag, modified: found.mtime }
    const underWay = reading.get(path + etag) ?? fresh(path, etag)
    reading.set(path + etag, underWay)
    const bytes = await underWay.finally(() => reading.delete(path + etag))
    return { bytes, etag, modified: found.mtime }
  }
}

const isFile = (path: string) => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false

function listed(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
