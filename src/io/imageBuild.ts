import { createHash } from 'node:crypto'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MEDIUM_FILES } from '../core/installValues.js'
import { DEBIAN_SUITES, type Layout, mediumOf, type Profile } from '../core/profile.js'
import { type Medium, openMedia, publishMedium } from './media.js'
import { mirrorUrl } from './mirrorUrl.js'
import { installPackages, type Progress, SUITES } from './mmdebstrap.js'
import { addFolder, MERGE_USR, quote, wordsOf } from './recipe.js'

/** The recipe, from src/io as well as from dist/io. */
const RECIPE = fileURLToPath(new URL('../../images', import.meta.url))

const TIMEOUT_MS = 30 * 60_000
/** 10 % smaller than at level 3 for five seconds of two cores; 12 saves 1 % more and takes four times as long. */
const ZSTD_LEVEL = 9

export type ImageBuild = {
  stateDir: string
  profile: Profile
  mirrors: Readonly<Record<string, string>> // URLs by name; installed systems keep those of their profile
  force?: boolean // build even if nothing changed: newer packages come in
  now: Date
  onProgress: (p: Progress) => void
}

/** A medium, whether it was made now or found as it should be, and what else its owner should know. */
export type Built = { medium: Medium; built: boolean; why?: string }

/**
 * Makes the root file system of an image profile, unless the current one was made from the same recipe and fields.
 * Profiles that differ only in what is no part of the image (users, layout of equal packages) share one.
 * @throws Error with one line for people
 */
export async function buildImage(o: ImageBuild): Promise<Built> {
  const medium = mediumOf(o.profile)
  const recipe = await recipeOf(o)
  const inputs = inputsOf(recipe)
  const present = await openMedia(o.stateDir).list()
  const same = o.force ? [] : present.filter(({ manifest }) => manifest.inputs === inputs)
  const own = same.find(({ manifest }) => manifest.medium === medium)
  if (own) return { medium: own, built: false }
  const [other] = same
  const made = await publishMedium({
    ...{ stateDir: o.stateDir, medium, profile: o.profile.name, kind: 'image', inputs, builtAt: o.now },
    fill: folder => (other ? adopt(other, folder) : install(o, recipe, folder)),
  })
  const why = other && { why: `as ${other.manifest.medium} is made of the same, its image is taken` }
  return { medium: made, built: true, ...why }
}

/** Hard links: nothing in a build ever changes, and either may be pruned. */
async function adopt({ folder, manifest }: Medium, into: string) {
  for (const name of Object.keys(manifest.files)) await link(join(folder, name), join(into, name))
  return { kernel: manifest.kernel, packages: manifest.packages }
}

const BY_LAYOUT: Readonly<Record<Layout, readonly string[]>> = {
  plain: [],
  lvm: ['lvm2'],
  'encryption-ready': ['lvm2', 'cryptsetup-initramfs'],
}

/** A keymap other than the kernel's own takes 8 MB. */
const forKeymap = (keymap: string) => (keymap === 'us' ? [] : ['console-setup'])

async function packagesFor({ packages, partitioning, keymap }: Profile): Promise<string[]> {
  const always = wordsOf(await readFile(join(RECIPE, 'packages'), 'utf8'))
  return [...new Set([...always, ...BY_LAYOUT[partitioning.layout], ...forKeymap(keymap), ...packages])]
}

function suiteOf({ name, distribution, release }: Profile) {
  const suite = SUITES.find(known => known === DEBIAN_SUITES[release])
  if (distribution !== 'debian' || !suite)
    throw new Error(`${name}: images are made of Debian ${Object.keys(DEBIAN_SUITES).join(' and ')} only`)
  return suite
}

/** What the recipe is told, as shell assignments. */
function valuesOf(o: Made): string {
  const { timezone, locale, keymap } = o.profile
  const values = { suite: suiteOf(o.profile), ...sourcesOf(o), timezone, locale, keymap }
  return Object.entries(values)
    .map(([name, value]) => `${name}=${quote(value)}\n`)
    .join('')
}

const sourcesOf = (o: Made) => ({
  mirror: mirrorUrl(o),
  security: mirrorUrl(o, `${o.profile.mirror}-security`),
})

type Made = Pick<ImageBuild, 'profile' | 'mirrors'>
type Recipe = { values: string; packages: readonly string[] }

const recipeOf = async (o: Made): Promise<Recipe> => ({
  values: valuesOf(o),
  packages: await packagesFor(o.profile),
})

/** What tells whether an image has to be made anew: its recipe, and what of the profile goes into it. */
export const imageInputs = async (o: Made): Promise<string> => inputsOf(await recipeOf(o))

function inputsOf({ values, packages }: Recipe): string {
  const hash = createHash('sha256').update(values).update(packages.join('\n'))
  return addFolder(hash, RECIPE).digest('hex')
}

async function install(o: ImageBuild, recipe: Recipe, folder: string) {
  const suite = suiteOf(o.profile)
  const { mirror, security } = sourcesOf(o)
  const components = ['main', 'non-free-firmware']
  const told = join(folder, 'values')
  await writeFile(told, recipe.values)
  await installPackages({
    suite,
    sources: [
      { url: mirror, suite, components },
      { url: mirror, suite: `${suite}-updates`, components },
      { url: security, suite: `${suite}-security`, components },
    ],
    packages: recipe.packages,
    // the files come first, as some of them decide what packages unpack and how the initrd is made
    setup: [
      MERGE_USR,
      `copy-in ${quote(RECIPE)} /`,
      `copy-in ${quote(told)} /images`,
      'chmod -R u=rwX,go=rX "$1/images/root" && cp -R --preserve=mode "$1/images/root/." "$1/"',
    ],
    hooks: [
      'chroot "$1" /bin/sh /images/customize',
      `copy-out /images/kernel /images/packages.installed ${quote(folder)}`,
      'rm -r "$1/images"',
    ],
    dpkgConfig: join(RECIPE, 'root/etc/dpkg/dpkg.cfg.d/lean'), // mmdebstrap's dpkg does not look into the tree
    target: join(folder, MEDIUM_FILES.image),
    ...{ level: ZSTD_LEVEL, timeoutMs: TIMEOUT_MS, onProgress: o.onProgress },
  })
  return await takeAway(folder)
}

/** Reads what the recipe told, and leaves the image alone in the folder. */
async function takeAway(folder: string) {
  const kernel = (await readFile(join(folder, 'kernel'), 'utf8')).trim()
  const installed = await readFile(join(folder, 'packages.installed'), 'utf8')
  await Promise.all(['values', 'kernel', 'packages.installed'].map(name => rm(join(folder, name))))
  return { kernel, packages: Object.fromEntries(wordsOf(installed).map(line => line.split(' '))) }
}
