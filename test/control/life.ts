import { join } from 'node:path'
import type { Test } from 'tap'
import { type ConvergeOptions, createConverger } from '../../src/control/converging.js'
import { createInstallJobs } from '../../src/control/installJobs.js'
import { createInstances, type Peer } from '../../src/control/instances.js'
import { createJoining } from '../../src/control/joinQueue.js'
import { createReconciler } from '../../src/control/reconciler.js'
import type { InstanceId, Phase } from '../../src/core/instance.js'
import type { InstanceView, RunRequest } from '../../src/core/instanceView.js'
import type { Order } from '../../src/core/order.js'
import type { Profile } from '../../src/core/profile.js'
import { openJoinRules } from '../../src/io/joinRules.js'
import type { Medium } from '../../src/io/media.js'
import type { Mac } from '../../src/wire/mac.js'
import { AROUND, fakeNode, role } from '../support/fakeNode.js'
import { PROFILE } from '../support/installJobs.js'
import { AT, facts, granted, inventoryIn, mac, quiet, report } from './example.js'

/** A daemon with machines that install, in memory but for its database; the clock is the test's. */

export const MACS = [1, 2, 3, 4].map(n => mac(`52:54:00:00:01:0${n}`)) as [Mac, Mac, Mac, Mac]
export const HOST_KEYS = ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHost']

export const PROFILES: readonly Profile[] = [
  PROFILE,
  { ...PROFILE, name: 'debian-12', installer: 'preseed', template: 'preseed/debian.cfg.njk' },
  { ...PROFILE, name: 'large-disk', disk: { ...PROFILE.disk, minSize: 2 ** 41 } },
  { ...PROFILE, name: 'no-medium' },
]

const MEDIUM = { build: '20260101000000-00000000' } as Medium

type Options = {
  stateDir?: string
  seed?: string
  at?: Date
  attempts?: number
  ownerKeys?: readonly string[]
  nodes?: Partial<ConvergeOptions>
  reboots?: (address: string) => Promise<void>
  powerOffFreeAfter?: number
  plans?: () => Promise<unknown> // while somebody plans a run
}

export const peerOf = (own: Mac): Peer => ({ address: addressOf(own), mac: own })
export const addressOf = (own: Mac) => `192.0.2.1${own.slice(-1)}`

export async function daemonIn(t: Test, options: Options = {}) {
  const base = await inventoryIn(t, { ...options, asked: (...words) => joining.asked(...words) })
  const { inventory, store, commits, now } = base
  const rules = Object.assign(base.rules, { attempts: options.attempts ?? 3 })
  const rebooted: string[] = []
  const rebootNode = async ({ address }: { address: string }) => {
    rebooted.push(address)
    await options.reboots?.(address)
  }
  const converger = createConverger({
    ...{ store, commits, rules, now, log: quiet, around: async () => AROUND, atOnce: 4 },
    roles: async () => [role([])],
    connect: fakeNode().connect,
    inputOf: async ({ kind }) => Buffer.from(kind),
    ...options.nodes,
  })
  const life = { store, commits, rules, now, rebootNode, converger, log: quiet }
  const profiles = {
    list: async () => PROFILES.map(profile => ({ name: profile.name, file: 'x.yaml', profile })),
    find: async (name: string) => (await profiles.list()).find(file => file.name === name),
  }
  const runs = {
    ...{ ...life, profiles },
    media: { current: async (medium: string) => (medium === 'no-medium' ? undefined : MEDIUM) },
    ownerKeys: async () => {
      await options.plans?.()
      return options.ownerKeys ?? ['ssh-ed25519 AAAA owner']
    },
  }
  const instances = createInstances(runs)
  const rulesFile = join(base.stateDir, 'join-rules.yaml')
  const joining = createJoining({ ...runs, joinRules: openJoinRules(rulesFile, quiet) })
  const jobs = createInstallJobs({ commits, rules, log: quiet })
  const { powerOffFreeAfter } = options
  const reconciler = createReconciler({ ...life, wake: base.wake, powerOffFreeAfter })

  /** It netboots; what the daemon tells it to boot. */
  const netboot = (own: Mac) => inventory.booted(report(own, { address: addressOf(own) }))

  /** It netboots into the scout, which posts the facts; the scout's token. */
  const scout = async (own: Mac): Promise<string> => {
    const { scoutToken } = await netboot(own)
    if (!scoutToken) throw new Error(`${own} was not sent into the scout`)
    const machine = await inventory.scoutOf(scoutToken)
    if (!machine) throw new Error('the token that was just made is unknown')
    granted(await inventory.recordFacts(machine, facts([own], { serial: `S-${own}` }), addressOf(own)))
    return scoutToken
  }

  const poll = async (scoutToken: string): Promise<Order | undefined> => {
    const machine = await inventory.scoutOf(scoutToken)
    return machine && inventory.nextOrder(machine.id, scoutToken)
  }

  /** The token that the scout's next order carries. */
  const orderToken = async (scoutToken: string): Promise<string> => {
    const order = await poll(scoutToken)
    if (!order || !('token' in order)) throw new Error(`the order is ${order?.kind}`)
    return order.token
  }

  const run = async (request: Partial<RunRequest> = {}): Promise<InstanceView[]> => {
    const reservation = await instances.run({ user: 'demo', profile: PROFILE.name, ...request })
    return [...granted(reservation).instances]
  }

  const phaseOf = async (id: string): Promise<Phase | undefined> =>
    (await store.instance(id as InstanceId))?.phase

  const home = { hostName: 'web', hostKeys: HOST_KEYS }

  /** Machines that install and phone home, the first one first; their instances. */
  const rise = async (macs: readonly Mac[]): Promise<InstanceId[]> => {
    const ids: InstanceId[] = []
    for (const own of macs) {
      const scoutToken = await scout(own)
      const [instance] = await run({ filter: [`mac=${own}`] })
      const token = await orderToken(scoutToken)
      granted(await jobs.report(token, { stage: 'started' }, peerOf(own)))
      const { phoneToken } = granted(await jobs.finish(token, peerOf(own)))
      granted(await jobs.report(token, { stage: 'installed' }, peerOf(own)))
      await netboot(own)
      granted(await jobs.phoneHome(phoneToken, home, peerOf(own)))
      if (instance) ids.push(instance.id)
    }
    return ids
  }

  /** Does all that is due now, and what follows from it. */
  const idle = async () => {
    for (let rounds = 0; rounds < 50; rounds++) {
      await reconciler.pass()
      await reconciler.settled()
      if (!(await store.dueInstances(now())).some(({ convergeAt }) => convergeAt)) return
    }
    throw new Error('there is always something due')
  }

  /** One instance on the first machine, led to a phase by what its machine would do. */
  const reach = async (phase: Phase) => {
    const own = MACS[0]
    let scoutToken = await scout(own)
    const [instance] = await run()
    if (!instance) throw new Error('no instance')
    const led = { id: instance.id, token: '', phoneToken: '', scoutToken }
    if (phase === 'converging') rules.roles.push('base')
    const steps: [Phase, () => Promise<unknown>][] = [
      ['reserved', async () => undefined],
      ['starting', async () => (led.token = await orderToken(scoutToken))],
      ['installing', async () => granted(await jobs.report(led.token, { stage: 'started' }, peerOf(own)))],
      [
        'installed',
        async () => {
          led.phoneToken = granted(await jobs.finish(led.token, peerOf(own))).phoneToken
          granted(await jobs.report(led.token, { stage: 'installed' }, peerOf(own)))
        },
      ],
      [
        phase === 'converging' ? phase : 'running',
        async () => {
          await netboot(own)
          granted(await jobs.phoneHome(led.phoneToken, home, peerOf(own)))
        },
      ],
      [
        'shutting-down',
        async () => granted(await instances.terminate({ instances: [led.id], wipe: 'quick' })),
      ],
      [
        'terminated',
        async () => {
          scoutToken = await scout(own)
          granted(await jobs.report(await orderToken(scoutToken), { stage: 'wiped' }, peerOf(own)))
        },
      ],
    ]
    if (phase === 'failed') {
      for (const [, step] of steps.slice(0, 3)) await step()
      granted(await jobs.report(led.token, { stage: 'failed', reason: 'no space' }, peerOf(own)))
    } else
      for (const [reached, step] of steps) {
        await step()
        if (reached === phase) break
      }
    return { ...led, scoutToken }
  }

  const close = async () => {
    await reconciler.close()
    await base.close()
  }

  return {
    ...{ ...base, instances, jobs, joining, rulesFile, reconciler, converger, rules, close },
    ...{ netboot, scout, poll, orderToken, run, rise, idle, reach, phaseOf, rebooted, home },
  }
}

/** Later than all that a test did before. */
export const LATER = new Date(AT.getTime() + 60_000)
