import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { extractPackages, type Progress, type Suite } from './mmdebstrap.js'
import { addFolder, MERGE_USR, quote, wordsOf } from './recipe.js'

/** The recipe, from src/io as well as from dist/io. */
export const RECIPE = fileURLToPath(new URL('../../scout', import.meta.url))

const TIMEOUT_MS = 20 * 60_000

const fileSchema = z.object({ size: z.number(), sha256: z.string() })
const manifestSchema = z.object({
  suite: z.string(),
  kernel: z.string(), // its version, as in `uname -r`
  inputs: z.string(), // SHA-256 over the recipe and the suite: equal means that nothing is to be done
  files: z.object({ vmlinuz: fileSchema, initrd: fileSchema }),
  packages: z.record(z.string(), z.string()), // name -> version
})

/** What `STATE/scout/manifest.json` tells about the kernel and initrd beside it. */
export type Manifest = z.infer<typeof manifestSchema>

export type ScoutBuild = {
  stateDir: string
  suite: Suite
  mirror: string
  force?: boolean // build even if neither the recipe nor the suite changed: newer packages come in
  onProgress: (p: Progress) => void
}

/**
 * Makes STATE/scout/{vmlinuz,initrd,manifest.json}, unless they are there and made from the same recipe.
 * A build that fails leaves the one before it as it was.
 * @throws Error with one line for people
 */
export async function buildScout(o: ScoutBuild): Promise<{ manifest: Manifest; built: boolean }> {
  const inputs = inputsOf(o.suite)
  const present = await readManifest(o.stateDir)
  if (present?.inputs === inputs && !o.force) return { manifest: present, built: false }
  await mkdir(o.stateDir, { recursive: true, mode: 0o700 })
  const work = await mkdtemp(join(o.stateDir, 'scout-build-'))
  try {
    await assemble(o, work)
    const manifest = await describe(join(work, 'out'), o.suite, inputs)
    await replace(join(o.stateDir, 'scout'), join(work, 'out'), join(work, 'before'))
    return { manifest, built: true }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** The manifest of the scout in the state directory; undefined when none was built, or not to its end. */
export async function readManifest(stateDir: string): Promise<Manifest | undefined> {
  const text = await readFile(join(stateDir, 'scout', 'manifest.json'), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  try {
    return manifestSchema.parse(JSON.parse(text))
  } catch {
    return undefined // damaged, or of another version of muster
  }
}

const inputsOf = (suite: Suite) => addFolder(createHash('sha256').update(suite), RECIPE).digest('hex')

async function assemble({ suite, mirror, onProgress }: ScoutBuild, work: string): Promise<void> {
  const packages = wordsOf(await readFile(join(RECIPE, 'packages'), 'utf8'))
  await extractPackages({
    suite,
    mirror,
    packages,
    components: ['main', 'non-free-firmware'],
    setup: [MERGE_USR],
    hooks: [
      `copy-in ${quote(RECIPE)} /`,
      'chroot "$1" /bin/dash /scout/assemble',
      `copy-out /out ${quote(work)}`,
    ],
    timeoutMs: TIMEOUT_MS,
    onProgress,
  })
}

async function describe(out: string, suite: Suite, inputs: string): Promise<Manifest> {
  const kernel = (await readFile(join(out, 'kernel'), 'utf8')).trim()
  const archives = await readFile(join(out, 'archives'), 'utf8')
  const manifest = {
    suite,
    kernel,
    inputs,
    files: { vmlinuz: await measure(join(out, 'vmlinuz')), initrd: await measure(join(out, 'initrd')) },
    packages: packagesOf(archives),
  }
  await writeFile(join(out, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  await Promise.all(['kernel', 'archives'].map(name => rm(join(out, name))))
  return manifest
}

async function measure(path: string): Promise<z.infer<typeof fileSchema>> {
  const bytes = await readFile(path)
  return { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}

/** apt names what it fetched `curl_8.14.1-2_amd64.deb`, with %3a for the colon of an epoch. */
export function packagesOf(archives: string): Record<string, string> {
  const found = archives.matchAll(/^([^_\n]+)_([^_\n]+)_[^_\n]+\.deb$/gm)
  return Object.fromEntries(
    [...found].map(([, name = '', version = '']) => [name, decodeURIComponent(version)]),
  )
}

/** A folder cannot be replaced in one step, but nobody finds half a scout in between: it is there or it is not. */
async function replace(path: string, fresh: string, before: string): Promise<void> {
  await rename(path, before).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT') throw cause
  })
  await rename(fresh, path)
}
