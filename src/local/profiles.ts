import { command, EXIT } from '../commands/command.js'
import { loadLocalConfig, SETTINGS } from '../config.js'
import { openProfiles } from '../io/profiles.js'

export const profilesCheck = command({
  name: 'profiles check',
  summary:
    'Tell what is wrong with profiles, by file, line and field; without a file, with all that there are.',
  operands: { files: { several: true, describe: 'files, wherever they are' } },
  options: {
    config: { type: 'string', requiresArg: true, describe: "the daemon's YAML file of settings" },
    'profiles-dir': { type: 'string', requiresArg: true, describe: SETTINGS['profiles-dir'].means },
  },
  examples: [
    ['$0 profiles check', "those that come with muster, and the owner's"],
    ['$0 profiles check web.yaml', 'before it is copied to /etc/muster/profiles'],
  ],
  async run(args, { env, out, err }) {
    const dirs = loadLocalConfig(args, env)
    if ('problems' in dirs) {
      for (const problem of dirs.problems) err(`muster: ${problem}`)
      return EXIT.usage
    }
    const profiles = openProfiles({ folder: dirs.profilesDir })
    const { files = [] } = args.operands
    const judged = files.length ? await Promise.all(files.map(profiles.check)) : await profiles.list()
    const problems = judged.flatMap(({ problems = [] }) => problems)
    for (const { name, file, profile } of judged) if (profile) out(`${name}\tfine\t${file}`)
    for (const problem of new Set(problems)) err(problem)
    return problems.length ? EXIT.failed : EXIT.ok
  },
})
