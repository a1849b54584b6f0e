import type { Test } from 'tap'
import type { Role } from '../../src/core/role.js'
import { fakeNode } from '../support/fakeNode.js'
import { daemonIn } from './life.js'

export type Options = NonNullable<Parameters<typeof daemonIn>[1]>

/** A daemon that makes nodes by these roles. `told` is the text of its events of a kind, without the ids of instances. */
export async function daemonOf(t: Test, roles: readonly Role[], node = fakeNode(), options: Options = {}) {
  const d = await daemonIn(t, {
    ...options,
    nodes: { roles: async () => roles, connect: node.connect, ...options.nodes },
  })
  d.rules.roles.push('base')
  const told = async (kind: string) =>
    (await d.inventory.events({ limit: 1_000 })).flatMap(event =>
      event.kind === kind ? event.text.replace(/^i-\w+ \(/, '(') : [],
    )
  return { ...d, node, told }
}
