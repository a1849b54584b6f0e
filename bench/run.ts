import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LabFirmware } from '../test/lab/lib/firmware.js'
import { DISK, PROFILE, type Sight, startForInstalls, watchInstances } from '../test/lab/lib/instances.js'
import { type Lab, withLab } from '../test/lab/lib/lab.js'
import type { LabMachine } from '../test/lab/lib/machine.js'
import { run as runCommand } from '../test/lab/lib/process.js'
import { BOUND, powerOnIntoScout } from '../test/lab/lib/steps.js'
import type { Row } from './rows.js'

const MARK = 120 // seconds from run-instances to running
const BUILD_MS = 900_000

/** The stages of an install, each from the moment the one before it was reached. */
const STAGES = [
  ['run-instances to the installer on the machine', 'installing'],
  ['then to the disk written', 'installed'],
  ['then to the node that phones home', 'running'],
] as const

/**
 * run-instances to running, in seconds, per firmware and split by stage: the machine waits in the scout; one machine
 * at a time, two cores, 1 GiB. Then what it takes to build the image.
 */
export async function run(): Promise<Row[]> {
  const rows: Row[] = []
  for (const firmware of ['bios-ipxe-rom', 'uefi-edk2'] as const) rows.push(...(await install(firmware)))
  return [...rows, await buildImage()]
}

async function install(firmware: LabFirmware): Promise<Row[]> {
  const rows: Row[] = []
  await withLab(`bench-run-${firmware}`, async lab => {
    await startForInstalls(lab)
    const machine = await lab.addMachine({ firmware, cores: 2, memoryMiB: 1024, disks: [DISK] })
    const { id } = await powerOnIntoScout(lab, machine)
    const watch = watchInstances(lab)
    const begun = Date.now()
    await lab.daemon.muster('run-instances', '-i', id, '-p', PROFILE, '-u', 'bench', '--name', 'node')
    const written = await writtenBy(lab, machine)
    const node = await lab.daemon.waitForInstance('node', 'runs', BOUND.running, i => i.state === 'running')
    await watch.stop()
    rows.push(...stageRows(`run ${firmware}:`, begun, watch.of(node.id), written))
  })
  return rows
}

/** Bytes on the disk when the installer says that it is done. */
async function writtenBy(lab: Lab, machine: LabMachine): Promise<number> {
  await lab.daemon.waitForInstance(
    'node',
    'is written',
    BOUND.written,
    i => i.stage === 'installed' || i.state === 'running',
  )
  return await machine.written()
}

function stageRows(prefix: string, begun: number, sights: readonly Sight[], written: number): Row[] {
  const reached = (wanted: string) => sights.find(({ place }) => place === wanted)?.since ?? Number.NaN
  const rows: Row[] = []
  let before = begun
  for (const [name, place] of STAGES) {
    rows.push({ name: `${prefix} ${name}`, ours: (reached(place) - before) / 1000, unit: 's' })
    before = reached(place)
  }
  const total = (before - begun) / 1000
  const writing = (reached('installed') - reached('installing')) / 1000
  rows.push({ name: `${prefix} onto the disk`, ours: written / 1e6 / writing, unit: 'MB/s' })
  rows.push({ name: `${prefix} run-instances to running`, ours: total, unit: 's', mark: { atMost: MARK } })
  return rows
}

async function buildImage(): Promise<Row> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bench-'))
  try {
    const begun = Date.now()
    const command = ['dist/cli.js', 'images', 'build', PROFILE, '--state-dir', folder]
    await runCommand(process.execPath, command, { timeoutMs: BUILD_MS })
    return { name: `images build ${PROFILE}`, ours: (Date.now() - begun) / 1000, unit: 's' }
  } finally {
    await rm(folder, { recursive: true })
  }
}
