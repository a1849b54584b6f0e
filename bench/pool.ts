import { inGroup, joinRules, ROLES, ROOM, stepsOf } from '../test/lab/lib/cloud.js'
import type { Usage } from '../test/lab/lib/daemon.js'
import { instanceOn, type Sight, startForInstalls, watchInstances } from '../test/lab/lib/instances.js'
import { type Lab, type MachineOptions, withLab } from '../test/lab/lib/lab.js'
import type { LabMachine } from '../test/lab/lib/machine.js'
import type { Row } from './rows.js'

const NODE_MS = 2_400_000
const PASS_MS = 300_000
const SAMPLE_MS = 1_000

/** What the last machine of the pool has reached, each from the moment the one before it was reached. */
const STAGES = [
  ['power-on to the installer on the last machine', 'installing'],
  ['then to its disk written', 'installed'],
  ['then to the last node that phones home', 'converging'],
  ['then to the last node running', 'running'],
] as const

const { small, middle, big } = ROOM.machines

/**
 * From power-on to nodes with every shipped role, in seconds, with a join rule and nothing typed: one machine alone, then
 * three at once that elect a master. Beside it what the daemon takes while it works on them over SSH.
 */
export async function run(): Promise<Row[]> {
  return [...(await pool('one node', [middle])), ...(await pool('three nodes', [small, middle, big]))]
}

async function pool(name: string, machines: readonly MachineOptions[]): Promise<Row[]> {
  const rows: Row[] = []
  await withLab(`bench-pool-${machines.length}`, async lab => {
    const rules = ROOM.rules.map(rule => ({ ...rule, 'min-nodes': machines.length }))
    await startForInstalls(lab, [...ROLES, ...(await joinRules(lab, rules))], ROOM.profiles)
    const all: LabMachine[] = []
    for (const options of machines) all.push(await lab.addMachine(options))
    const watch = watchInstances(lab)
    const begun = Date.now()
    await Promise.all(all.map(machine => machine.powerOn()))
    await inGroup(lab, ROOM.pool, all.length, NODE_MS, ({ stage }) => stage === 'converging')
    const usage = sampled(lab)
    await inGroup(lab, ROOM.pool, all.length, NODE_MS, ({ state }) => state === 'running')
    const took = await usage.stop()
    await watch.stop()
    const nodes = await Promise.all(all.map(machine => instanceOn(lab, machine)))
    const sights = nodes.map(({ id }) => watch.of(id))
    rows.push(...stageRows(name, begun, sights), ...sights.map((of, n) => sshRow(name, of, machines[n])))
    const steps = await Promise.all(nodes.map(node => stepsOf(lab, node)))
    rows.push({ name: `${name}: steps on a node`, ours: mean(steps.map(({ length }) => length)), unit: '' })
    rows.push(...usageRows(name, took), await secondPass(lab, name, nodes))
  })
  return rows
}

const mean = (of: readonly number[]) => of.reduce((sum, n) => sum + n, 0) / of.length

const reached = (sights: readonly Sight[], wanted: string) =>
  sights.find(({ place }) => place === wanted)?.since ?? Number.NaN

function stageRows(name: string, begun: number, sights: readonly (readonly Sight[])[]): Row[] {
  const rows: Row[] = []
  let before = begun
  for (const [stage, place] of STAGES) {
    const last = Math.max(...sights.map(of => reached(of, place)))
    rows.push({ name: `${name}: ${stage}`, ours: (last - before) / 1000, unit: 's' })
    before = last
  }
  return [...rows, { name: `${name}: power-on to running`, ours: (before - begun) / 1000, unit: 's' }]
}

const sshRow = (name: string, sights: readonly Sight[], machine?: MachineOptions): Row => ({
  name: `${name}: SSH stage of the one with ${machine?.cores} cores`,
  ours: (reached(sights, 'running') - reached(sights, 'converging')) / 1000,
  unit: 's',
})

type Sampled = { seconds: number; cpu: number; most: number }

/** Looks at the daemon again and again. */
function sampled({ daemon }: Lab) {
  const begun = Date.now()
  const seen: Promise<Usage>[] = [daemon.usage()]
  const timer = setInterval(() => seen.push(daemon.usage()), SAMPLE_MS)
  return {
    async stop(): Promise<Sampled> {
      clearInterval(timer)
      const usages = await Promise.all([...seen, daemon.usage()])
      const cpu = (usages.at(-1)?.cpu ?? 0) - (usages[0]?.cpu ?? 0)
      return { seconds: (Date.now() - begun) / 1000, cpu, most: Math.max(...usages.map(({ rss }) => rss)) }
    },
  }
}

const usageRows = (name: string, { seconds, cpu, most }: Sampled): Row[] => [
  { name: `${name}: memory of the daemon in the SSH stage, at most`, ours: most / 1e6, unit: 'MB' },
  { name: `${name}: of one core the daemon takes in the SSH stage`, ours: (100 * cpu) / seconds, unit: '%' },
]

async function secondPass({ daemon }: Lab, name: string, nodes: readonly { id: string }[]): Promise<Row> {
  const begun = Date.now()
  await daemon.musterWithin(PASS_MS, 'converge', ...nodes.map(({ id }) => id), '--wait')
  return { name: `${name}: a second pass over all`, ours: (Date.now() - begun) / 1000, unit: 's' }
}
