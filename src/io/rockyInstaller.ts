import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { MEDIUM_FILES } from '../core/installValues.js'
import { mediumOf, type Profile } from '../core/profile.js'
import { type Tree, treeOf } from '../core/treeinfo.js'
import { downloadListed, fetchText } from './download.js'
import { kernelVersion } from './kernelVersion.js'
import { type Medium, openMedia, publishMedium } from './media.js'
import { mirrorUrl } from './mirrorUrl.js'
import type { Progress } from './mmdebstrap.js'

export type RockyFetch = {
  readonly stateDir: string
  readonly profile: Profile
  readonly mirrors: Readonly<Record<string, string>> // URLs by name
  readonly force?: boolean
  readonly now: Date
  readonly onProgress: (p: Progress) => void
}

/** Where a release of Rocky keeps what its installer is started from, below a mirror. */
export const treePath = ({ release }: Pick<Profile, 'release'>) => `${release}/BaseOS/x86_64/os`

/**
 * Anaconda's kernel and initrd as the mirror has them under images/pxeboot, each checked against the SHA-256 of the
 * tree's .treeinfo. Nobody signs that file: that it is Rocky's is known from the mirror's https certificate alone.
 * A medium that is there stays when the mirror cannot be asked.
 * @throws Error with one line for people
 */
export async function fetchRockyInstaller(o: RockyFetch): Promise<{ medium: Medium; built: boolean }> {
  const { profile, stateDir } = o
  const medium = mediumOf(profile)
  const base = `${mirrorUrl(o)}/${treePath(profile)}`
  o.onProgress({ done: 0, what: 'reading .treeinfo' })
  const tree = await readTree(base, profile)
  const sums = [tree.kernel.sha256, tree.initrd.sha256]
  const inputs = createHash('sha256').update(sums.join()).digest('hex')
  const current = await openMedia(stateDir).current(medium)
  if (current?.manifest.inputs === inputs && !o.force) return { medium: current, built: false }
  const made = await publishMedium({
    ...{ stateDir, medium, profile: profile.name, kind: 'kickstart', inputs, builtAt: o.now },
    fill: folder => download(o, base, tree, folder),
  })
  return { medium: made, built: true }
}

async function readTree(base: string, { release }: Profile): Promise<Tree> {
  const url = `${base}/.treeinfo`
  const tree = treeOf(await fetchText(url))
  if ('problem' in tree) throw new Error(`${url}: ${tree.problem}`)
  const isWanted = tree.family === 'Rocky Linux' && tree.version.split('.')[0] === release
  if (!isWanted) throw new Error(`${url} is of ${tree.family} ${tree.version}, not of Rocky Linux ${release}`)
  return tree
}

async function download({ onProgress }: RockyFetch, base: string, tree: Tree, folder: string) {
  for (const [n, what] of (['kernel', 'initrd'] as const).entries()) {
    const { path, sha256 } = tree[what]
    await downloadListed({ url: `${base}/${path}`, sha256 }, join(folder, MEDIUM_FILES[what]), done =>
      onProgress({ done: (n + done) / 2, what: `downloading ${path}` }),
    )
  }
  return { kernel: await kernelVersion(join(folder, MEDIUM_FILES.kernel)) }
}
