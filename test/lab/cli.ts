import { parseArgs } from 'node:util'
import type { Summary } from '../../src/core/summary.js'
import { parseMachine, USAGE } from './lib/flags.js'
import { createLab, type Lab, type MachineOptions } from './lib/lab.js'
import type { LabMachine } from './lib/machine.js'

/** `npm run lab`: the tests' LAN and machines, to look at and to play with. */

const DEFAULT = ['bios,cores=2,disk=8G', 'uefi,cores=2,disk=4G:sata:boot', 'e1000,disk=20G:sata']
const REDRAW_MS = 1_000

function wishes(): MachineOptions[] {
  try {
    const { values } = parseArgs({
      options: { machine: { type: 'string', multiple: true }, help: { type: 'boolean', short: 'h' } },
    })
    if (values.help) {
      console.log(USAGE)
      process.exit(0)
    }
    return (values.machine ?? DEFAULT).map(parseMachine)
  } catch (error) {
    console.error(`lab: ${(error as Error).message}\n\n${USAGE}`)
    return process.exit(2)
  }
}

function table(lab: Lab, systems: readonly Summary[]): string {
  const rows = lab.machines.map(machine => row(machine, systems))
  const head = ['MACHINE', 'POWER', 'STATE', 'NAME', 'ADDRESS', 'CORES', 'MEMORY', 'DISKS', 'SECONDS']
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map(cells => cells[i]?.length ?? 0)))
  return [head, ...rows]
    .map(cells => cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  '))
    .join('\n')
}

const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)}G`

function row(machine: LabMachine, systems: readonly Summary[]): string[] {
  const { spec, mac } = machine
  const system = systems.find(({ macs }) => macs.some(m => m === mac))
  const seconds = Math.round((Date.now() - machine.poweredOnAt()) / 1000)
  return [
    `${spec.name} ${spec.firmware}`,
    machine.isOn() ? 'on' : 'off',
    system?.state ?? '-',
    system?.name ?? '-',
    system?.address ?? '-',
    String(system?.cores ?? '-'),
    system?.memory === undefined ? '-' : gib(system.memory),
    system?.disks?.map(disk => `${disk.name}:${gib(disk.size)}`).join(' ') || '-',
    machine.isOn() ? String(seconds) : '-',
  ]
}

function help({ folder, lan, daemon }: Lab): string {
  const muster = `ip netns exec ${lan.daemon} node dist/cli.js --token-file ${daemon.stateDir}/api-token`
  return [
    `files:     ${folder}`,
    `commands:  ${muster} reboot-system NAME`,
    `console:   tail -f ${folder}/m1.serial.log`,
    'Ctrl-C ends it; nothing but the files stays behind.',
  ].join('\n')
}

/** Draws until told to end. On a terminal the table is drawn over itself; elsewhere it is printed when it changes. */
async function show(lab: Lab, ended: AbortSignal): Promise<void> {
  let shown = ''
  while (!ended.aborted) {
    const text = table(lab, await lab.daemon.systems())
    if (process.stdout.isTTY) console.log(`\x1b[H\x1b[2J${text}\n\n${help(lab)}`)
    else if (text.replace(/\d+ *$/gm, '') !== shown) console.log(`${text}\n`)
    shown = text.replace(/\d+ *$/gm, '')
    await new Promise(resolve => {
      const timer = setTimeout(resolve, REDRAW_MS)
      ended.addEventListener('abort', () => resolve(clearTimeout(timer)), { once: true })
    })
  }
}

const wanted = wishes()
const ended = new AbortController()
let lab: Lab | undefined
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    ended.abort()
    if (!lab) process.exit(130) // still preparing; what was set up is removed by its supervisor
  })

console.log('lab: preparing (the first time this builds the scout, about two minutes)')
try {
  lab = await createLab('lab')
  await lab.daemon.start()
  for (const options of wanted) await (await lab.addMachine(options)).powerOn()
  if (!process.stdout.isTTY) console.log(help(lab))
  await show(lab, ended.signal)
} catch (error) {
  if (!ended.signal.aborted) {
    console.error(`lab: ${(error as Error).message}${lab ? `\nkept: ${lab.folder}` : ''}`)
    process.exitCode = 1
  }
} finally {
  await lab?.close()
}
