import { MIN_NODES, type PoolView } from '../core/pool.js'
import { clientOptions, fail, hasFailed, openClient } from './client.js'
import { command, EXIT } from './command.js'
import { clean, json, type Output, outputOption, record, table } from './render.js'

const DETAILS = `Text output, tab-separated:
POOL name min-nodes master waiting
NODE pool id name role state stage address impaired`

export const describePools = command({
  name: 'describe-pools',
  summary: 'List the pools: their nodes, the master of each, and what it waits for.',
  operands: { pools: { several: true, describe: 'names of groups; all when none is given' } },
  options: { ...clientOptions, ...outputOption },
  details: DETAILS,
  examples: [['$0 describe-pools', '']],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const answer = await client.json<PoolView[]>('GET', '/pools')
    if (hasFailed(answer)) return fail(answer, context)
    const wanted = args.operands.pools ?? []
    const found = answer.value.filter(({ name }) => wanted.length === 0 || wanted.includes(name))
    const absent = wanted.find(name => !found.some(pool => pool.name === name))
    if (found.length > 0 || absent === undefined) tell(found, args.output, context.out)
    return absent === undefined
      ? EXIT.ok
      : fail({ failed: EXIT.notFound, why: `there is no pool ${absent}: describe-pools lists them` }, context)
  },
})

export const setPool = command({
  name: 'set-pool',
  summary: 'Say how many nodes a pool must have before it elects its first master.',
  operands: { pool: { required: true, describe: 'name of the group' } },
  options: {
    ...clientOptions,
    output: { ...outputOption.output, default: 'text' },
    'min-nodes': {
      type: 'number',
      requiresArg: true,
      demandOption: true,
      describe: `${MIN_NODES.least} to ${MIN_NODES.most}`,
    },
  },
  details: DETAILS,
  examples: [['$0 set-pool pool --min-nodes 3', '']],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const [pool = ''] = args.operands.pool ?? []
    const body = { minNodes: args['min-nodes'] }
    const answer = await client.json<PoolView>('PATCH', `/pools/${encodeURIComponent(pool)}`, body)
    if (hasFailed(answer)) return fail(answer, context)
    tell([answer.value], args.output, context.out)
    return EXIT.ok
  },
})

function tell(pools: readonly PoolView[], output: Output, out: (text: string) => void): void {
  if (output === 'json') out(json(pools))
  else if (output === 'text') for (const row of pools.flatMap(rowsOf)) out(row)
  else out(pools.map(sectionOf).join('\n\n') || 'There are no pools yet.')
}

const rowsOf = ({ name, minNodes, master, waiting, nodes }: PoolView) => [
  record('POOL', [name, String(minNodes), master ?? '', waiting ?? '']),
  ...nodes.map(n => record('NODE', [name, n.id, n.name, n.role ?? '', n.state, n.stage ?? '', ...restOf(n)])),
]

type Node = PoolView['nodes'][number]
const restOf = ({ address, impaired }: Node): string[] => [address ?? '', impaired ?? '']

function sectionOf({ name, minNodes, waiting, nodes }: PoolView): string {
  const least = minNodes > MIN_NODES.least ? `, at least ${minNodes} nodes` : ''
  const head = clean(`${name}${least}${waiting ? `: ${waiting}` : ''}`)
  return nodes.length === 0
    ? head
    : `${head}\n${table(['node', 'id', 'role', 'state', 'address', 'impaired'], nodes.map(cellsOf))}`
}

const cellsOf = (n: Node): string[] => [
  ...[n.name, n.id, n.role ?? '', n.stage ? `${n.state}: ${n.stage}` : n.state, ...restOf(n)],
]
