import { command, EXIT } from '../commands/command.js'
import { loadLocalConfig, SETTINGS } from '../config.js'
import type { Installer, Profile } from '../core/profile.js'
import { didYouMean } from '../core/suggest.js'
import { fetchDebianInstaller } from '../io/debianInstaller.js'
import { type Built, buildImage } from '../io/imageBuild.js'
import { type Medium, openMedia } from '../io/media.js'
import type { Progress } from '../io/mmdebstrap.js'
import { openProfiles, type Profiles } from '../io/profiles.js'
import { fetchRockyInstaller } from '../io/rockyInstaller.js'
import { explain, megabytes, progressBars } from './progress.js'

type Order = {
  stateDir: string
  profile: Profile
  mirrors: Readonly<Record<string, string>>
  force: boolean
  now: Date
  onProgress: (p: Progress) => void
}

/** What a profile is installed from is built or fetched, by its installer. */
const BUILDERS: Record<Installer, (o: Order) => Promise<Built>> = {
  image: buildImage,
  preseed: fetchDebianInstaller,
  kickstart: fetchRockyInstaller,
}

const dirs = {
  config: { type: 'string', requiresArg: true, describe: "the daemon's YAML file of settings" },
  'state-dir': { type: 'string', requiresArg: true, describe: SETTINGS['state-dir'].means },
} as const

/** The daemon may be away, so nothing that asks it is named. */
async function noProfile(profiles: Profiles, name: string): Promise<string> {
  const names = (await profiles.list()).map(({ name }) => name)
  return `there is no profile ${name}${didYouMean(name, names)}: profiles check lists them`
}

export const imagesBuild = command({
  name: 'images build',
  summary: "Build the image that a profile is installed from, or fetch its distribution's installer.",
  operands: { profile: { required: true, describe: 'as describe-profiles names it' } },
  options: {
    ...dirs,
    'profiles-dir': { type: 'string', requiresArg: true, describe: SETTINGS['profiles-dir'].means },
    mirrors: { type: 'string', requiresArg: true, describe: SETTINGS.mirrors.means },
    force: { type: 'boolean', default: false, describe: 'build again, with the newest packages' },
  },
  examples: [
    ['$0 images build debian-12-image', 'nothing is done when it is up to date'],
    ['$0 images build debian-12-image --force', 'with the newest packages'],
  ],
  async run(args, { env, now, out, err }) {
    const found = loadLocalConfig(args, env)
    if ('problems' in found) {
      for (const problem of found.problems) err(`muster: ${problem}`)
      return EXIT.usage
    }
    const { stateDir, profilesDir, mirrors } = found
    const [name = ''] = args.operands.profile ?? []
    const profiles = openProfiles({ folder: profilesDir })
    const file = await profiles.find(name)
    if (!file?.profile) {
      for (const why of file?.problems ?? [await noProfile(profiles, name)]) err(`muster: ${why}`)
      return EXIT.notFound
    }
    const { profile } = file
    const bars = progressBars()
    try {
      const build = BUILDERS[profile.installer]
      const onProgress = bars.track(name)
      const { medium, built, why } = await build({
        stateDir,
        profile,
        mirrors,
        force: args.force,
        now,
        onProgress,
      })
      bars.finish()
      bars.stop()
      if (why) out(why)
      out(`${built ? 'built' : 'up to date:'} ${describe(medium)}`)
      return EXIT.ok
    } catch (cause) {
      bars.stop()
      err(`muster: ${explain(cause, stateDir)}`)
      return EXIT.failed
    }
  },
})

const sizeOf = ({ manifest }: Medium) =>
  Object.values(manifest.files).reduce((sum, { size }) => sum + size, 0)

function describe(medium: Medium): string {
  const { kernel, packages = {}, medium: name } = medium.manifest
  const count = Object.keys(packages).length
  const told = [kernel && `Linux ${kernel}`, count > 0 && `${count} packages`, megabytes(sizeOf(medium))]
  return `${name} ${medium.build}: ${told.filter(Boolean).join(', ')}`
}

export const imagesList = command({
  name: 'images list',
  summary: 'List the images and installers that there are, with the time of their making.',
  options: dirs,
  examples: [['$0 images list', 'name, installer, kernel, size, time']],
  async run(args, { env, out, err }) {
    const found = loadLocalConfig(args, env)
    if ('problems' in found) {
      for (const problem of found.problems) err(`muster: ${problem}`)
      return EXIT.usage
    }
    for (const medium of await openMedia(found.stateDir).list()) {
      const { medium: name, kind, kernel = '-', builtAt } = medium.manifest
      out([name, kind, kernel, megabytes(sizeOf(medium)), builtAt].join('\t'))
    }
    return EXIT.ok
  },
})
