import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { DEBIAN_SUITES, mediumOf, type Profile } from '../core/profile.js'
import { downloadListed, type Listed } from './download.js'
import { kernelVersion } from './kernelVersion.js'
import { type Medium, openMedia, publishMedium } from './media.js'
import { mirrorUrl } from './mirrorUrl.js'
import { debianKeyring, extractPackages, type Progress, SUITES, type Suite } from './mmdebstrap.js'
import { fetchSigned, signedFile, sumIn } from './signedRelease.js'

/** A medium's file, and its name among the installer's. */
const FILES = { vmlinuz: 'linux', initrd: 'initrd.gz' } as const
type FileName = keyof typeof FILES
const NAMES = Object.keys(FILES) as FileName[]
type Wanted = Readonly<Record<FileName, Listed>>

const PACKAGE_MS = 20 * 60_000

export type InstallerFetch = {
  readonly stateDir: string
  readonly profile: Profile
  readonly mirrors: Readonly<Record<string, string>> // URLs by name
  readonly keyring?: string // Debian's own unless told
  readonly force?: boolean
  readonly now: Date
  readonly onProgress: (p: Progress) => void
}

export type FetchedInstaller = {
  readonly medium: Medium
  readonly built: boolean // false: there was nothing newer
  readonly from?: 'mirror' | 'package'
  readonly why?: string // the mirror's own files were not used, or could not be asked for
}

/**
 * Debian's own netboot kernel and initrd, as the archive lists them: the checksums are those of the suite's signed
 * Release, the files come from the mirror's installer folder (49 MB), or, where a mirror carries none, out of
 * the Debian package with the same files (133 MB).
 * An installer that is there stays when the mirror cannot be asked.
 * @throws Error with one line for people
 */
export async function fetchDebianInstaller(o: InstallerFetch): Promise<FetchedInstaller> {
  const { profile, stateDir, force } = o
  const medium = mediumOf(profile)
  const current = await openMedia(stateDir).current(medium)
  o.onProgress({ done: 0, what: 'checking the signature' })
  const wanted = await listed(o).catch((cause: Error) => cause)
  if (wanted instanceof Error) {
    if (!current || force) throw wanted
    return { medium: current, built: false, why: wanted.message }
  }
  const inputs = createHash('sha256')
    .update(NAMES.map(name => wanted[name].sha256).join())
    .digest('hex')
  if (current?.manifest.inputs === inputs && !force) return { medium: current, built: false }
  let why: string | undefined
  const made = await publishMedium({
    ...{ stateDir, medium, profile: profile.name, kind: 'preseed', inputs, builtAt: o.now },
    async fill(folder) {
      why = await fromMirror(o, wanted, folder)
      if (why) await fromPackage(o, wanted, folder)
      return { kernel: await kernelVersion(join(folder, 'vmlinuz')) }
    },
  })
  return { medium: made, built: true, ...(why ? { from: 'package', why } : { from: 'mirror' }) }
}

function suiteOf({ release }: Profile): Suite {
  const suite = SUITES.find(name => name === DEBIAN_SUITES[release])
  if (!suite)
    throw new Error(`there is no installer for Debian ${release}: there are ${Object.keys(DEBIAN_SUITES)}`)
  return suite
}

/** What the archive has signed: Release -> SHA256SUMS -> the two files. */
async function listed(o: InstallerFetch): Promise<Wanted> {
  const { profile, keyring = debianKeyring() } = o
  const images = `main/installer-${profile.architecture}/current/images`
  const sums = await signedFile(
    { mirror: mirrorUrl(o), suite: suiteOf(profile), keyring },
    `${images}/SHA256SUMS`,
  )
  const list = await fetchSigned(sums)
  const find = (name: FileName): Listed => {
    const path = `netboot/debian-installer/${profile.architecture}/${FILES[name]}`
    const sha256 = sumIn(list, `./${path}`)
    if (!sha256) throw new Error(`${sums.url} does not list ${path}`)
    return { url: sums.url.replace('SHA256SUMS', path), sha256 }
  }
  return { vmlinuz: find('vmlinuz'), initrd: find('initrd') }
}

/** @returns why the mirror's own files cannot be had, or nothing */
async function fromMirror(o: InstallerFetch, wanted: Wanted, folder: string): Promise<string | undefined> {
  try {
    for (const [n, name] of NAMES.entries())
      await downloadListed(wanted[name], join(folder, name), done =>
        o.onProgress({ done: (n + done) / NAMES.length, what: `downloading ${FILES[name]}` }),
      )
    return undefined
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause)
  }
}

/** The package is verified by apt, and its files must be those of the mirror's list all the same. */
async function fromPackage(o: InstallerFetch, wanted: Wanted, folder: string): Promise<void> {
  const { release, architecture } = o.profile
  const name = `debian-installer-${release}-netboot-${architecture}`
  const images = `/usr/lib/debian-installer/images/${release}/${architecture}/text/debian-installer/${architecture}`
  const work = await mkdtemp(join(o.stateDir, 'installer-'))
  try {
    await extractPackages({
      suite: suiteOf(o.profile),
      mirror: mirrorUrl(o),
      components: ['main'],
      packages: [name],
      hooks: [`copy-out ${images} '${work.replaceAll("'", `'\\''`)}'`],
      timeoutMs: PACKAGE_MS,
      onProgress: o.onProgress,
    })
    for (const file of NAMES) {
      await copyFile(join(work, architecture, FILES[file]), join(folder, file))
      const sum = await sumOf(join(folder, file))
      if (sum !== wanted[file].sha256)
        throw new Error(
          `${FILES[file]} of the package ${name} is not the one that the archive lists; try later`,
        )
    }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function sumOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
