import { command, EXIT } from '../commands/command.js'
import { loadLocalConfig, SETTINGS } from '../config.js'
import { DEBIAN_MIRROR, SUITES, type Suite } from '../io/mmdebstrap.js'
import { prepareNbps } from '../io/nbp.js'
import { buildScout, type Manifest } from '../io/scoutBuild.js'
import { explain, megabytes, progressBars } from './progress.js'

export type Preparation = {
  stateDir: string
  suite: Suite
  mirror: string
  force: boolean
  say: (line: string) => void
}

/** Fetches the network boot programs and builds the scout, where they are missing or out of date. */
export async function prepare(o: Preparation): Promise<void> {
  const bars = progressBars()
  try {
    const nbps = await prepareNbps({ ...o, onProgress: bars.track('network boot programs') })
    bars.finish()
    const { manifest, built } = await buildScout({ ...o, onProgress: bars.track('scout') })
    bars.finish()
    bars.stop()
    if (nbps.why) o.say(`Debian 13's iPXE cannot be had (${nbps.why}); this host's own is used`)
    o.say(`${built ? 'built the scout' : 'the scout is up to date'}: ${describe(manifest)}`)
  } finally {
    bars.stop()
  }
}

const describe = ({ kernel, suite, files, packages }: Manifest) =>
  `Linux ${kernel} of ${suite}, ${Object.keys(packages).length} packages, ` +
  `kernel ${megabytes(files.vmlinuz.size)} + initrd ${megabytes(files.initrd.size)}`

export const scoutBuild = command({
  name: 'scout build',
  summary: 'Build the in-RAM Debian that machines boot into, and fetch the network boot programs.',
  options: {
    config: { type: 'string', requiresArg: true, describe: "the daemon's YAML file of settings" },
    'state-dir': { type: 'string', requiresArg: true, describe: SETTINGS['state-dir'].means },
    suite: { choices: SUITES, default: SUITES[0], describe: 'Debian release that the scout is made of' },
    mirror: { type: 'string', requiresArg: true, default: DEBIAN_MIRROR, describe: 'Debian mirror' },
    force: { type: 'boolean', default: false, describe: 'build again, with the newest packages' },
  },
  examples: [
    ['$0 scout build', 'nothing is done when it is up to date'],
    ['$0 scout build --force', 'with the newest packages'],
  ],
  async run(args, { env, out, err }) {
    const state = loadLocalConfig(args, env)
    if ('problems' in state) {
      for (const problem of state.problems) err(`muster: ${problem}`)
      return EXIT.usage
    }
    try {
      await prepare({
        ...state,
        suite: args.suite as Suite,
        mirror: args.mirror,
        force: args.force,
        say: out,
      })
      return EXIT.ok
    } catch (cause) {
      err(`muster: ${explain(cause, state.stateDir)}`)
      return EXIT.failed
    }
  },
})
