import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import {
  chmod,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { INSTALLERS } from '../core/profile.js'

const fileSchema = z.object({
  size: z.number().int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
})

const manifestSchema = z.object({
  medium: z.string(),
  profile: z.string(), // that it was made for; others may share it
  kind: z.enum(INSTALLERS),
  inputs: z.string(), // SHA-256 over what it is made from: equal means that nothing is to be done
  builtAt: z.iso.datetime(),
  kernel: z.string().optional(), // its version
  files: z.record(z.string(), fileSchema),
  packages: z.record(z.string(), z.string()).optional(), // name -> version
})

export type MediumFile = z.infer<typeof fileSchema> // size in bytes, SHA-256 in hex
export type MediumManifest = z.infer<typeof manifestSchema>

/** One build of a medium: `folder` holds the files that the manifest names, and nothing in it ever changes. */
export type Medium = { readonly build: string; readonly folder: string; readonly manifest: MediumManifest }

/**
 * What profiles are installed from: kernels, initrds and images, in STATE/media/MEDIUM/BUILD/ with a manifest.json;
 * the link STATE/media/MEDIUM/current says which build is handed out.
 */
export interface Media {
  /** The build that is handed out; undefined when there is none, or none that can be read. */
  current(medium: string): Promise<Medium | undefined>
  /** The current builds of all media, by name. */
  list(): Promise<Medium[]>
  /** Where a file of a build lies; undefined for whatever no manifest names. Older builds answer until they are pruned. */
  file(medium: string, build: string, name: string): Promise<(MediumFile & { path: string }) | undefined>
}

const NAME = /^[a-z0-9][a-z0-9.-]{0,63}$/
const BUILD = /^\d{14}-[0-9a-f]{8}$/ // time and digest; the link is none, or one transfer could mix two builds
const MANIFEST = 'manifest.json'
const UNFINISHED = '.new-'

export function openMedia(stateDir: string): Media {
  const current = async (medium: string) => {
    if (!NAME.test(medium)) return undefined
    const build = await readlink(join(stateDir, 'media', medium, 'current')).catch(() => undefined)
    return build === undefined ? undefined : await readBuild(stateDir, medium, build)
  }
  return {
    current,
    async list() {
      const names = await readdir(join(stateDir, 'media')).catch(() => [])
      const found = await Promise.all(names.sort().map(current))
      return found.filter(medium => medium !== undefined)
    },
    async file(medium, build, name) {
      const found = await readBuild(stateDir, medium, build)
      const file = found && Object.hasOwn(found.manifest.files, name) && found.manifest.files[name]
      return file ? { ...file, path: join(found.folder, name) } : undefined
    },
  }
}

async function readBuild(stateDir: string, medium: string, build: string): Promise<Medium | undefined> {
  if (!NAME.test(medium) || !BUILD.test(build)) return undefined
  const folder = join(stateDir, 'media', medium, build)
  const text = await readFile(join(folder, MANIFEST), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  try {
    return { build, folder, manifest: manifestSchema.parse(JSON.parse(text)) }
  } catch {
    return undefined // damaged, or of another version of muster
  }
}

export type NewMedium = Pick<MediumManifest, 'medium' | 'profile' | 'kind' | 'inputs'> & {
  readonly stateDir: string
  readonly builtAt: Date
  /** Puts the files into an empty folder. What it throws leaves the medium as it was. */
  fill(folder: string): Promise<Pick<MediumManifest, 'kernel' | 'packages'>>
}

/**
 * Makes a new build and hands it out from then on, in one step that a reader never sees half done. Of the older
 * builds the one before stays, for machines that are in the middle of it.
 */
export async function publishMedium(o: NewMedium): Promise<Medium> {
  if (!NAME.test(o.medium)) throw new Error(`'${o.medium}' cannot be the name of a medium`)
  const home = join(o.stateDir, 'media', o.medium)
  await makeFolders(o.stateDir, home)
  const fresh = await mkdtemp(join(home, UNFINISHED))
  try {
    const { manifest, digest } = await describe(o, fresh)
    const build = `${o.builtAt.toISOString().slice(0, 19).replace(/\D/g, '')}-${digest.slice(0, 8)}`
    const folder = join(home, build)
    await rename(fresh, folder)
    const before = await readlink(join(home, 'current')).catch(() => undefined)
    await pointTo(home, build)
    await prune(home, [build, before], o.builtAt)
    return { build, folder, manifest }
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
}

/** Built by root, read by the daemon's own user; what is in there is on the LAN for everybody anyway. */
async function makeFolders(stateDir: string, home: string): Promise<void> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  for (const folder of [join(stateDir, 'media'), home]) {
    await mkdir(folder, { recursive: true })
    await chmod(folder, 0o755)
  }
}

async function describe(o: NewMedium, folder: string): Promise<{ manifest: MediumManifest; digest: string }> {
  const { medium, profile, kind, inputs } = o
  const told = await o.fill(folder)
  const files: MediumManifest['files'] = {}
  for (const name of (await readdir(folder)).sort()) {
    files[name] = await measure(join(folder, name))
    await chmod(join(folder, name), 0o644)
  }
  const manifest = { medium, profile, kind, inputs, builtAt: o.builtAt.toISOString(), files, ...told }
  const text = `${JSON.stringify(manifest, null, 2)}\n`
  await writeFile(join(folder, MANIFEST), text, { mode: 0o644, flush: true })
  await chmod(folder, 0o755)
  return { manifest, digest: createHash('sha256').update(text).digest('hex') }
}

/** Size and SHA-256 of a file, which is on the disk from then on: a build that lost power must not be handed out. */
async function measure(path: string): Promise<MediumFile> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash)
  const handle = await open(path)
  try {
    await handle.sync()
    return { size: (await handle.stat()).size, sha256: hash.digest('hex') }
  } finally {
    await handle.close()
  }
}

async function pointTo(home: string, build: string): Promise<void> {
  const link = join(home, `.current-${build}`)
  await symlink(build, link)
  await rename(link, join(home, 'current'))
}

/** How old what a killed build left behind must be: younger, it may be the work of another process. */
const ABANDONED_MS = 24 * 60 * 60_000

async function prune(home: string, kept: readonly (string | undefined)[], now: Date): Promise<void> {
  for (const name of await readdir(home)) {
    if (name === 'current' || kept.includes(name)) continue
    const path = join(home, name)
    if (name.startsWith('.')) {
      const age = now.getTime() - (await stat(path).catch(() => ({ mtimeMs: now.getTime() }))).mtimeMs
      if (age < ABANDONED_MS) continue
    }
    await rm(path, { recursive: true, force: true })
  }
}
