import { copyFile, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { extractPackages, type Progress } from './mmdebstrap.js'

/**
 * The network boot programs that are served, and the file of Debian's `ipxe` package that each is made from, best
 * first. There is no 32-bit UEFI program in the package: whoever needs `ipxe-ia32.efi` puts it into the folder.
 */
const SOURCES: Readonly<Record<string, readonly string[]>> = {
  'undionly.kpxe': ['undionly.kpxe'],
  'ipxe.pxe': ['ipxe.pxe'],
  'snponly.efi': ['snponly.efi'],
  'ipxe.efi': ['ipxe-amd64.efi', 'ipxe.efi'],
  'ipxe-arm64.efi': ['ipxe-arm64.efi'],
}

/** Names that the daemon serves when they are in the folder. */
export const NBP_NAMES: readonly string[] = [...Object.keys(SOURCES), 'ipxe-ia32.efi', 'snponly-arm64.efi']

/** Where the host's own package keeps them; older than Debian 13's, without arm64. */
const HOST_FOLDER = '/usr/lib/ipxe'

const TIMEOUT_MS = 5 * 60_000

export type NbpPreparation = {
  stateDir: string
  mirror: string
  force?: boolean
  hostFolder?: string
  onProgress: (p: Progress) => void
}

export type PreparedNbps = { names: string[]; from: 'present' | 'debian' | 'host'; why?: string }

/**
 * Fills STATE/boot with iPXE of Debian 13, its signature verified by apt; with the host's own if that cannot be had,
 * and `why` then tells. Files that the owner put there stay.
 * @throws Error when neither is to be had
 */
export async function prepareNbps(o: NbpPreparation): Promise<PreparedNbps> {
  const boot = join(o.stateDir, 'boot')
  await mkdir(o.stateDir, { recursive: true, mode: 0o700 })
  await mkdir(boot, { recursive: true })
  const present = await readdir(boot)
  if (!o.force && Object.keys(SOURCES).every(name => present.includes(name)))
    return { names: present, from: 'present' }
  const work = await mkdtemp(join(o.stateDir, 'boot-build-'))
  try {
    const why = await fetchPackage(o, work)
    const names = await install(why ? (o.hostFolder ?? HOST_FOLDER) : join(work, 'ipxe'), boot)
    if (!names.length)
      throw new Error(`no network boot programs: ${why}; and this host has none (apt-get install ipxe)`)
    return why ? { names, from: 'host', why } : { names, from: 'debian' }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** @returns why it could not be fetched, or nothing */
async function fetchPackage(o: NbpPreparation, work: string): Promise<string | undefined> {
  try {
    await extractPackages({
      suite: 'trixie', // also for a scout of Debian 12, whose iPXE is of 2019
      mirror: o.mirror,
      components: ['main'],
      packages: ['ipxe'],
      hooks: [`copy-out /usr/lib/ipxe '${work.replaceAll("'", `'\\''`)}'`],
      timeoutMs: TIMEOUT_MS,
      onProgress: o.onProgress,
    })
    return undefined
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause)
  }
}

async function install(from: string, boot: string): Promise<string[]> {
  const names: string[] = []
  for (const [name, sources] of Object.entries(SOURCES))
    for (const source of sources)
      if (await copied(join(from, source), join(boot, name))) {
        names.push(name)
        break
      }
  return names
}

/** Copies under another name first: the daemon may be serving the old one. */
async function copied(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, `${to}.new`)
    await rename(`${to}.new`, to)
    return true
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw cause
  }
}
