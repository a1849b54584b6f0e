import type { Options } from 'yargs'
import { type Context, command, EXIT, type Exit } from '../commands/command.js'
import { type Config, loadConfig, SETTINGS } from '../config.js'

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
    'dry-run': { type: 'boolean', default: false, describe: 'tell the settings and try the ports, no more' },
    ...flags,
  },
  examples: [
    ['$0 serve', 'on the LAN of the default route'],
    ['$0 serve --interface eth1 --debug dhcp,tftp', 'on one LAN, telling every packet'],
  ],
  async run(args, context) {
    const config = loadConfig(args, context.env)
    if ('problems' in config) {
      for (const problem of config.problems) context.err(`muster: ${problem}`)
      return EXIT.usage
    }
    if (args['dry-run']) return await tryOut(config, context)
    const { runDaemon } = await daemon()
    const fault = await runDaemon(config)
    if (fault) context.err(`muster: ${fault}`)
    // A part that could not be closed must not keep the process; nothing else holds this timer.
    setTimeout(() => process.exit(), 1_000).unref()
    return fault ? EXIT.failed : EXIT.ok
  },
})

/** Loaded when it is wanted: the other commands start in half the time without it. */
const daemon = () => import('../main.js')

async function tryOut(config: Config, { out, err }: Context): Promise<Exit> {
  const { explain, probePorts } = await daemon()
  const fault = await probePorts(config).catch((cause: unknown) => explain(cause, config))
  if (fault) err(`muster: ${fault}`)
  else for (const [key, value] of Object.entries(config)) out(`${key} ${[value].flat().join(',')}`)
  return fault ? EXIT.failed : EXIT.ok
}
