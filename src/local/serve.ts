import type { Options } from 'yargs'
import { command, EXIT } from '../commands/command.js'
import { loadConfig, SETTINGS } from '../config.js'
import { runDaemon } from '../main.js'

/** Every setting is a flag; its text is judged in config.ts, so that all sources are refused alike. */
const flags: Record<string, Options> = Object.fromEntries(
  Object.entries(SETTINGS).map(([key, { means, flag }]) => [
    key,
    flag ? { type: 'boolean', describe: means } : { type: 'string', requiresArg: true, describe: means },
  ]),
)

export const serve = command({
  name: 'serve',
  summary: 'Run the daemon: ProxyDHCP, TFTP, the boot service and the API.',
  options: {
    config: {
      type: 'string',
      requiresArg: true,
      describe: 'YAML file of settings [/etc/muster/muster.yaml]',
    },
    ...flags,
  },
  examples: [
    ['$0 serve', 'on the LAN of the default route'],
    ['$0 serve --interface eth1 --debug dhcp,tftp', 'on one LAN, telling every packet'],
  ],
  async run(args, { env, err }) {
    const config = loadConfig(args, env)
    if ('problems' in config) {
      for (const problem of config.problems) err(`muster: ${problem}`)
      return EXIT.usage
    }
    const fault = await runDaemon(config)
    if (fault) err(`muster: ${fault}`)
    return fault ? EXIT.failed : EXIT.ok
  },
})
