import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Context, command, EXIT, type Exit } from '../commands/command.js'
import { unitFile } from './unit.js'

const UNIT = '/etc/systemd/system/muster.service'
const PROGRAM = fileURLToPath(new URL('../cli.js', import.meta.url))
const TIMEOUT_MS = 60_000

const run = (program: string, ...words: string[]) =>
  promisify(execFile)(program, words, { timeout: TIMEOUT_MS }).then(({ stdout }) => stdout)

export const installService = command({
  name: 'install-service',
  summary: 'Run the daemon as a systemd service, under a user of its own, at every start of this host.',
  options: {
    print: { type: 'boolean', default: false, describe: 'print the unit file, and change nothing' },
    uninstall: {
      type: 'boolean',
      default: false,
      describe: 'stop the service and remove it; the state stays',
    },
    config: { type: 'string', requiresArg: true, describe: 'YAML file of settings that the service reads' },
    interface: { type: 'string', requiresArg: true, describe: 'network interface of the LAN' },
  },
  examples: [
    ['$0 install-service', 'with the settings of /etc/muster/muster.yaml, if there are any'],
    ['$0 install-service --print | less', 'look first'],
    [
      '$0 install-service --uninstall',
      'then remove /var/lib/muster and the user muster by hand, if they may go',
    ],
  ],
  async run(args, context) {
    const settings = (['config', 'interface'] as const).flatMap(key =>
      args[key] ? [`--${key}`, args[key]] : [],
    )
    const unit = unitFile({ node: process.execPath, program: PROGRAM, settings })
    if (args.print) {
      context.out(unit.trimEnd())
      return EXIT.ok
    }
    const why = unable()
    if (why) {
      context.err(`muster: ${why}`)
      return EXIT.failed
    }
    return await (args.uninstall ? uninstall(context) : install(unit, context)).catch((cause: Error) => {
      context.err(`muster: ${cause.message.trim().replaceAll('\n', ' ')}`)
      return EXIT.failed
    })
  },
})

function unable(): string | undefined {
  if (process.getuid?.() !== 0) return 'install-service needs root: run it with sudo'
  if (!existsSync('/run/systemd/system'))
    return 'this host does not run systemd: see --print for what it would do'
  return undefined
}

/** Done again, it renews the unit and restarts the service if that differs. */
async function install(unit: string, { out }: Context): Promise<Exit> {
  const known = await run('id', '-u', 'muster').catch(() => undefined)
  if (known === undefined) {
    await run(
      'useradd',
      '--system',
      '--home-dir',
      '/var/lib/muster',
      '--shell',
      '/usr/sbin/nologin',
      'muster',
    )
    out('made the user muster')
  }
  await run('runuser', '-u', 'muster', '--', process.execPath, PROGRAM, '--version').catch(() => {
    throw new Error(
      `the user muster may not read ${PROGRAM}: move this folder to /opt, for example, and try again`,
    )
  })
  const before = await readFile(UNIT, 'utf8').catch(() => '')
  if (before !== unit) await writeFile(UNIT, unit, { mode: 0o644 })
  await run('systemctl', 'daemon-reload')
  await run('systemctl', 'enable', 'muster.service')
  await run('systemctl', before === unit ? 'start' : 'restart', 'muster.service')
  out(`${before === unit ? 'the service is up to date' : `wrote ${UNIT}`}; its log: journalctl -u muster`)
  return EXIT.ok
}

async function uninstall({ out }: Context): Promise<Exit> {
  if (!existsSync(UNIT)) {
    out('there is no service to remove')
    return EXIT.ok
  }
  await run('systemctl', 'disable', '--now', 'muster.service')
  await run('rm', '--', UNIT)
  await run('systemctl', 'daemon-reload')
  out('removed the service; /var/lib/muster and the user muster are still there')
  return EXIT.ok
}
