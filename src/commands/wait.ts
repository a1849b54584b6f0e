import type { InstanceView } from '../core/instanceView.js'
import { type Answer, type Client, type Failure, hasFailed } from './client.js'
import { type Command, type Context, EXIT } from './command.js'
import { instance } from './instanceQueries.js'
import { stateOf } from './instanceRows.js'
import { type Progress, progressOf } from './progress.js'

export const waitOptions = {
  wait: { type: 'boolean', default: false, describe: 'show how far each is, until all are at their end' },
  timeout: {
    type: 'number',
    requiresArg: true,
    default: 10_800,
    describe: 'seconds that --wait takes at most; what was begun goes on after them',
  },
} as const satisfies Command['options']

const LOOK_MS = 1_000
const RETRY_MS = 2_000

/** What is waited for; `converged`: a node that runs, and on which nothing is left to do. */
export type Goal = 'running' | 'terminated' | 'converged'

export type Wish = {
  readonly goal: Goal
  readonly timeout: number
  readonly asked?: readonly InstanceView[] // as the daemon answered when it was asked to converge them
}

/** Where an instance cannot get to its goal any more without its owner. */
const isLost = ({ state }: InstanceView, { goal }: Wish) =>
  goal !== 'terminated' && (state === 'failed' || state === 'shutting-down' || state === 'terminated')

function isThere(i: InstanceView, { goal, asked = [] }: Wish): boolean {
  if (goal !== 'converged') return i.state === goal
  const due = asked.find(({ id }) => id === i.id)?.convergeAt // by the daemon's clock, as what it is compared with
  const isDue = i.convergeAt !== undefined && due !== undefined && i.convergeAt <= due
  return i.state === 'running' && !i.converging && !isDue
}

/** It is there, and not as it should be. */
const isImpaired = ({ state, reason }: InstanceView, { goal }: Wish) =>
  goal === 'converged' && state === 'running' && reason !== undefined

/**
 * The instances at their end, reached or not: `missed` has what to say of those that did not reach it. A daemon that
 * does not answer is asked again, as it may be starting anew.
 */
export async function waitFor(
  client: Client,
  ids: readonly string[],
  wish: Wish,
  context: Context,
): Promise<{ instances: readonly InstanceView[]; missed: readonly Failure[] }> {
  const progress = progressOf(context)
  try {
    return await follow(client, ids, wish, context, progress)
  } finally {
    progress.stop()
  }
}

async function follow(
  client: Client,
  ids: readonly string[],
  wish: Wish,
  { clock, pause }: Context,
  progress: Progress,
) {
  const end = clock() + wish.timeout * 1000
  let away = false
  let instances: readonly InstanceView[] = []
  for (;;) {
    const answer = await look(client, ids)
    if (hasFailed(answer)) {
      if (answer.failed !== EXIT.unreachable) return { instances, missed: [answer] }
      if (!away) progress.say(`muster: ${answer.why}; trying again`)
    } else {
      instances = answer.value
      progress.show(instances)
      if (instances.every(i => isThere(i, wish) || isLost(i, wish)))
        return {
          instances,
          missed: instances.filter(i => isLost(i, wish) || isImpaired(i, wish)).map(lost),
        }
    }
    away = hasFailed(answer)
    if (clock() >= end) return { instances, missed: [timedOut(answer, wish)] }
    await pause(away ? RETRY_MS : LOOK_MS)
  }
}

async function look(client: Client, ids: readonly string[]): Promise<Answer<InstanceView[]>> {
  const found: InstanceView[] = []
  for (const answer of await Promise.all(ids.map(id => instance(client, id))))
    if (hasFailed(answer)) return answer
    else found.push(answer.value)
  return { value: found }
}

const lost = (i: InstanceView): Failure => ({
  failed: EXIT.failed,
  why: `${i.name} (${i.id}) is ${i.state}${i.reason ? `: ${i.reason}` : ''}`,
})

function timedOut(answer: Answer<InstanceView[]>, wish: Wish): Failure {
  if (hasFailed(answer)) return answer
  const late = answer.value.filter(i => !isThere(i, wish)).map(i => `${i.name} is ${stateOf(i)}`)
  return {
    failed: EXIT.failed,
    why: `after ${wish.timeout} s ${late.join(', ')}; it goes on: see describe-instances`,
  }
}
