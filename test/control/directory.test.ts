import t from 'tap'
import { createDirectory } from '../../src/control/directory.js'
import type { InstanceRecord, Phase } from '../../src/core/instance.js'

/** Instances of which only what a directory reads is there. */
const instances = (...phases: Phase[]) =>
  phases.map((phase, n) => ({
    phase,
    name: `web-${n}`,
    address: `10.77.0.${n}`,
    hostKeys: ['ssh-ed25519 A'],
  }))

for (const [phase, isKnown] of [
  ['installing', false],
  ['installed', false],
  ['converging', true],
  ['running', true],
  ['failed', true],
  ['shutting-down', false],
  ['terminated', false],
] as const)
  t.test(`known hosts: ${phase}`, async t => {
    const store = {
      instances: async () => instances(phase) as unknown as InstanceRecord[],
      list: async () => [],
    }
    const told = await createDirectory({ store, ownerUser: 'owner' }).knownHosts()
    t.equal(told, isKnown ? 'web-0,10.77.0.0 ssh-ed25519 A\n' : '')
  })
