import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** How far a run is: `done` from 0 to 1, and what is being done. */
export type Progress = { done: number; what: string }

export type Suite = 'trixie' | 'bookworm'
export const SUITES: readonly Suite[] = ['trixie', 'bookworm']
export const DEBIAN_MIRROR = 'http://deb.debian.org/debian'

export type Extraction = {
  suite: Suite
  mirror: string
  components: readonly string[]
  packages: readonly string[]
  setup?: readonly string[] // hooks before anything is unpacked
  hooks: readonly string[] // hooks on the unpacked tree, which is `$1`
  timeoutMs: number
  onProgress: (p: Progress) => void
}

export type Installation = {
  suite: Suite
  sources: readonly { url: string; suite: string; components: readonly string[] }[]
  packages: readonly string[]
  setup: readonly string[] // hooks before anything is unpacked
  hooks: readonly string[] // hooks on the installed tree, which is `$1`
  dpkgConfig: string // a file of options for dpkg
  target: string // the tree's tar, packed as its name says
  level: number // of zstd
  timeoutMs: number
  onProgress: (p: Progress) => void
}

/** Debian's own keys: a mirror is never trusted, only the archive's signature on what it serves. */
const KEYRINGS = ['pgp', 'gpg'].map(kind => `/usr/share/keyrings/debian-archive-keyring.${kind}`)

/** @throws Error when they are not installed */
export function debianKeyring(): string {
  const keyring = KEYRINGS.find(path => existsSync(path))
  if (!keyring) throw new Error('the keys of Debian are missing: apt-get install debian-archive-keyring')
  return keyring
}

/** The lines by which mmdebstrap (1.3 to 1.5) tells its steps, and how much of the time lies before them. */
const EXTRACTING = [
  [/running apt-get update/, 0.02, 'reading the package lists'],
  [/downloading packages/, 0.08, 'downloading packages'],
  [/extracting archives/, 0.25, 'unpacking packages'],
  [/running --extract-hook/, 0.4, 'assembling'],
  [/running special hook: copy-out/, 0.95, 'writing'],
] as const

const INSTALLING = [
  [/running apt-get update/, 0.02, 'reading the package lists'],
  [/downloading packages/, 0.1, 'downloading the essential packages'],
  [/installing essential packages/, 0.17, 'installing the essential packages'],
  [/installing remaining packages/, 0.28, 'downloading the other packages'],
  [/^(Selecting|Unpacking)/, 0.4, 'unpacking packages'],
  [/^Setting up/, 0.6, 'installing packages'],
  [/^update-initramfs: Generating/, 0.75, 'making the initrd'],
  [/running --customize-hook/, 0.88, 'customizing'],
  [/creating tarball/, 0.91, 'packing'],
] as const

/**
 * Unpacks signed Debian packages into a temporary tree, without installing them, and runs hooks on it.
 * Needs root, or user namespaces with subordinate ids.
 * @throws Error whose message is one line: what is missing and what to do, or what apt said
 */
export async function extractPackages(o: Extraction): Promise<void> {
  const args = [
    ...['--variant=extract', '--format=null'],
    ...common(o),
    ...o.hooks.map(hook => `--extract-hook=${hook}`),
    ...[o.suite, '/dev/null', sourceOf({ url: o.mirror, suite: o.suite, components: o.components })],
  ]
  await run({ args, steps: EXTRACTING, ...o })
}

/**
 * Installs signed Debian packages into a tree, runs hooks in it, and packs it. Needs what `extractPackages` needs.
 * @throws Error as `extractPackages` does
 */
export async function installPackages(o: Installation): Promise<void> {
  const args = [
    ...['--variant=apt', '--format=tar', '--verbose'],
    ...['--dpkgopt=force-unsafe-io', `--dpkgopt=${o.dpkgConfig}`],
    ...common(o),
    ...o.hooks.map(hook => `--customize-hook=${hook}`),
    ...[o.suite, o.target, ...o.sources.map(sourceOf)],
  ]
  const env = { ZSTD_CLEVEL: String(o.level), ZSTD_NBTHREADS: '0' } // 0: as many as there are cores
  await run({ args, steps: INSTALLING, env, ...o })
}

const common = ({ packages, setup = [] }: Pick<Extraction, 'packages' | 'setup'>) => [
  '--aptopt=Acquire::http::Timeout "30"',
  '--aptopt=Acquire::Retries "3"',
  `--include=${packages.join(',')}`,
  ...setup.map(hook => `--setup-hook=${hook}`),
]

function sourceOf({ url, suite, components }: Installation['sources'][number]): string {
  return `deb [signed-by=${debianKeyring()}] ${url} ${suite} ${components.join(' ')}`
}

/** Trees take up to a GB; /tmp is in memory on many hosts. */
const ROOMY = '/var/tmp'

/** The last lines are kept: they say why, when it ends badly. */
const KEPT_LINES = 12

type Run = Pick<Extraction, 'timeoutMs' | 'onProgress'> & {
  args: string[]
  steps: readonly (readonly [told: RegExp, done: number, what: string])[]
  env?: NodeJS.ProcessEnv
}

async function run({ args, steps, env = {}, timeoutMs, onProgress }: Run): Promise<void> {
  const child = spawn('mmdebstrap', args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
    env: { TMPDIR: ROOMY, ...process.env, ...env },
  })
  const lines: string[] = []
  createInterface({ input: child.stderr }).on('line', line => {
    lines.push(line)
    if (lines.length > KEPT_LINES) lines.shift()
    const step = steps.find(([told]) => told.test(line))
    if (step) onProgress({ done: step[1], what: step[2] })
  })
  // the whole group, so that apt does not go on alone
  const stop = () => child.pid && process.kill(-child.pid, 'SIGTERM')
  const timer = setTimeout(stop, timeoutMs)
  const late = `mmdebstrap is not ready after ${timeoutMs / 60_000} minutes; is ${args.at(-1)} reachable?`
  const started = Date.now()
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject).on('close', resolve)
    })
    if (code !== 0) throw new Error(Date.now() - started >= timeoutMs ? late : whyFailed(lines))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    throw new Error('mmdebstrap is missing: apt-get install mmdebstrap', { cause })
  } finally {
    clearTimeout(timer)
  }
}

/** Turns mmdebstrap's last words into one line for people. */
export function whyFailed(lines: readonly string[]): string {
  if (lines.some(line => /unable to pick chroot mode|subuid|newuidmap|unshare/i.test(line)))
    return 'building needs root, or user namespaces with subordinate ids (apt-get install uidmap): run it as root'
  // a hook or apt says why in lines of its own, before mmdebstrap's `E:` that say which hook it was
  const said = lines.filter(line => line && !/^[IW]: /.test(line)).slice(-4)
  return `mmdebstrap failed: ${said.join('; ') || 'it said nothing'}`
}
