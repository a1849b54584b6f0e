import { defined } from '../core/defined.js'
import type { InstanceId } from '../core/instance.js'
import type { NodeStep, StepState } from '../core/nodeStep.js'
import { MIN_NODES, type Pool } from '../core/pool.js'
import type { Query } from './sqlite.js'

/** What was done on nodes, what they publish, and their pools. */
export type NodeReads = {
  /** The last ones of an instance that are kept, oldest first. */
  nodeSteps(instance: InstanceId): Promise<NodeStep[]>
  lastNodeStep(instance: InstanceId): Promise<NodeStep | undefined>
  /** The last so many that ended by themselves, newest first. */
  stepsOfPass(instance: InstanceId, steps: number): Promise<EndedStep[]>
  /** Instances whose nodes are looked at now, or were when the daemon was killed. */
  turning(): Promise<InstanceId[]>
  /** What the nodes of a group publish, by instance. */
  nodeValues(group: string): Promise<ReadonlyMap<InstanceId, Readonly<Record<string, string>>>>
  /** As it is kept, or as every group begins. */
  pool(name: string): Promise<Pool>
  /** Those that differ from how every group begins, by name. */
  pools(): Promise<Pool[]>
}

export type NodeWrites = {
  /** Its id. Keeps the last 100 of the instance. */
  beginNodeStep(step: Omit<NodeStep, 'id' | 'state' | 'ended' | 'output'>): Promise<number>
  endNodeStep(id: number, end: Required<Pick<NodeStep, 'state' | 'ended' | 'output'>>): Promise<void>
  /** What was running of an instance is not any more. */
  interruptNodeSteps(instance: InstanceId, at: Date): Promise<void>
  /** Publishes these and no others; whether that changed anything. */
  setNodeValues(instance: InstanceId, values: Readonly<Record<string, string>>): Promise<boolean>
  savePool(pool: Pool): Promise<void>
}

/** One that ended by itself, as far as a pass goes by it. */
export type EndedStep = Pick<NodeStep, 'step' | 'state' | 'tries'>

const STEPS_KEPT = 100

type StepRow = {
  id: number
  instance: InstanceId
  step: string
  reason: string
  digest: string
  state: StepState
  started: number
  ended: number | null
  tries: number
  output: string
}

const STEP_COLUMNS = 'id, instance, step, reason, digest, state, started, ended, tries, output'

const toStep = ({ started, ended, ...row }: StepRow): NodeStep => ({
  ...row,
  started: new Date(started),
  ...(ended !== null && { ended: new Date(ended) }),
})

type PoolRow = { name: string; min_nodes: number; master: InstanceId | null; waiting: string | null }

const toPool = ({ name, min_nodes, master, waiting }: PoolRow): Pool => ({
  name,
  minNodes: min_nodes,
  ...defined<Pool>({ master, waiting }),
})

export function nodeReads(query: Query): NodeReads {
  const POOLS = 'SELECT name, min_nodes, master, waiting FROM pools'
  const STEPS = `SELECT ${STEP_COLUMNS} FROM node_steps WHERE instance = ? ORDER BY id`

  return {
    nodeSteps: async instance => (await query.all<StepRow>(STEPS, instance)).map(toStep),

    lastNodeStep: async instance =>
      (await query.all<StepRow>(`${STEPS} DESC LIMIT 1`, instance)).map(toStep)[0],

    stepsOfPass: (instance, steps) =>
      query.all<EndedStep>(
        `SELECT step, state, tries FROM node_steps WHERE instance = ? AND state IN ('done', 'failed')
         ORDER BY id DESC LIMIT ?`,
        instance,
        steps,
      ),

    turning: async () =>
      (await query.all<{ id: InstanceId }>('SELECT id FROM instances WHERE turning = 1')).map(({ id }) => id),

    nodeValues: async group => {
      const rows = await query.all<{ instance: InstanceId; told: string }>(
        `SELECT v.instance, json_group_object(v.name, v.value) AS told FROM node_values v
         JOIN instances i ON i.id = v.instance JOIN machines m ON m.id = i.machine
         WHERE m.group_name = ? GROUP BY v.instance`,
        group,
      )
      return new Map(rows.map(({ instance, told }) => [instance, JSON.parse(told) as Record<string, string>]))
    },

    pool: async name => {
      const [row] = await query.all<PoolRow>(`${POOLS} WHERE name = ?`, name)
      return row ? toPool(row) : { name, minNodes: MIN_NODES.least }
    },

    pools: async () => (await query.all<PoolRow>(`${POOLS} ORDER BY name`)).map(toPool),
  }
}

export function nodeWrites(query: Query): NodeWrites {
  return {
    beginNodeStep: async ({ instance, step, reason, digest, started, tries }) => {
      const { lastId } = await query.run(
        `INSERT INTO node_steps (instance, step, reason, digest, state, started, tries, output)
         VALUES (?, ?, ?, ?, 'running', ?, ?, '')`,
        ...[instance, step, reason, digest, started.getTime(), tries],
      )
      await query.run(
        `DELETE FROM node_steps WHERE instance = ?1 AND id NOT IN
           (SELECT id FROM node_steps WHERE instance = ?1 ORDER BY id DESC LIMIT ${STEPS_KEPT})`,
        instance,
      )
      return lastId
    },

    endNodeStep: async (id, { state, ended, output }) => {
      await query.run(
        'UPDATE node_steps SET state = ?, ended = ?, output = ? WHERE id = ?',
        ...[state, ended.getTime(), output, id],
      )
    },

    interruptNodeSteps: async (instance, at) => {
      await query.run(
        `UPDATE node_steps SET state = 'interrupted', ended = ? WHERE instance = ? AND state = 'running'`,
        at.getTime(),
        instance,
      )
    },

    setNodeValues: async (instance, values) => {
      const told = JSON.stringify(values)
      const gone = await query.run(
        'DELETE FROM node_values WHERE instance = ? AND name NOT IN (SELECT key FROM json_each(?))',
        instance,
        told,
      )
      const set = await query.run(
        `INSERT INTO node_values (instance, name, value) SELECT ?, key, value FROM json_each(?) WHERE true
         ON CONFLICT DO UPDATE SET value = excluded.value WHERE value <> excluded.value`,
        instance,
        told,
      )
      return gone.changes + set.changes > 0
    },

    savePool: async ({ name, minNodes, master, waiting }) => {
      const plain = minNodes === MIN_NODES.least && master === undefined && waiting === undefined
      if (plain) await query.run('DELETE FROM pools WHERE name = ?', name)
      else
        await query.run(
          'INSERT OR REPLACE INTO pools (name, min_nodes, master, waiting) VALUES (?, ?, ?, ?)',
          ...[name, minNodes, master ?? null, waiting ?? null],
        )
    },
  }
}
