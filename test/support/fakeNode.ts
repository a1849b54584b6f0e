import type { ConvergeOptions } from '../../src/control/converging.js'
import type { Role, Step } from '../../src/core/role.js'
import type { NodeScript, NodeSession } from '../../src/io/nodeSession.js'

/** Roles and nodes for those who try the executor: a node is a map of facts, and its steps change that. */

export const AROUND: Awaited<ReturnType<ConvergeOptions['around']>> = {
  users: { owner: 'owner', pool: 'pool' },
  ownerKeys: ['ssh-ed25519 AAAA owner'],
  daemon: { url: 'http://192.0.2.1:8067', publicKey: 'ssh-ed25519 AAAA muster' },
  ca: 'CA',
  images: { answer: 'a'.repeat(64) },
}

export const step = (name: string, more: Partial<Step> = {}): Step => ({
  ...{ id: `base/${name}`, reason: `${name} is due`, script: `do ${name}`, timeout: 60, tries: 3 },
  ...more,
})

/** A role of these steps, each due until the fact of its name is there. */
export const role = (steps: readonly Step[], more: Partial<Role> = {}): Role => ({
  ...{ name: 'base', description: '', order: 1, publishes: [], packages: {} },
  applies: () => true,
  waits: () => undefined,
  factScripts: () => ({}),
  paths: () => [],
  files: () => [],
  steps: (_, facts) => steps.filter(({ id }) => facts[id.replace('/', '.')] === undefined),
  check: () => 'true',
  ...more,
})

type Answer = { code?: number; out?: string; err?: string } | Error

/** One node, which does what it is told unless `answers` has something else for the script. `told` is what was run. */
export function fakeNode(
  answers: (told: string, node: FakeNode) => Promise<Answer | undefined> | Answer | undefined = () =>
    undefined,
) {
  const node = {
    facts: new Map<string, string>([['os.id', 'debian']]),
    told: [] as string[],
    connections: 0,
    open: 0,
    connect: async (_: unknown, end: AbortSignal): Promise<NodeSession> => {
      node.connections++
      const refused = await answers('connect', node)
      if (refused instanceof Error) throw refused
      node.open++
      return { run: one => cuttable(run(one), end), close: () => void node.open-- }
    },
  }

  async function run({ script, input }: NodeScript) {
    const told = nameOf(script) + (input ? ` <${input}` : '')
    node.told.push(told)
    const answer = await answers(told, node)
    if (answer instanceof Error) throw answer
    const { code = 0, out = '', err = '' } = answer ?? {}
    if (told === 'facts') return { code, stdout: out || factsOf(node.facts), stderr: err }
    const done = /^do (\S+)/.exec(told)?.[1]
    if (done && code === 0 && !answer) node.facts.set(`base.${done}`, 'yes')
    return { code, stdout: out, stderr: err }
  }
  return node
}
export type FakeNode = ReturnType<typeof fakeNode>

const nameOf = (script: string) =>
  script.includes('muster-facts-begin') ? 'facts' : (/^do .*$/m.exec(script)?.[0] ?? 'check')

const factsOf = (facts: ReadonlyMap<string, string>) =>
  ['muster-facts-begin', ...[...facts].map(fact => fact.join('=')), 'muster-facts-end', ''].join('\n')

/** As a connection is cut: what is under way gets no answer. */
const cuttable = <T>(work: Promise<T>, end: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const cut = () => reject(new Error('cut'))
    end.addEventListener('abort', cut)
    if (end.aborted) cut()
    work.then(resolve, reject)
  })
