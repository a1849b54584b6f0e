import type { Logger } from 'pino'
import { isMember } from '../core/election.js'
import type { InstanceRecord } from '../core/instance.js'
import { masked } from '../core/masked.js'
import { isRefusal, type Refusal } from '../core/refusal.js'
import type { Act } from './act.js'
import { type Admitted, admit, type Call, deny } from './admitting.js'
import type { Commits } from './commits.js'
import { reported } from './installReports.js'
import type { InstallJobs, Peer, PhoneHome } from './instances.js'
import { jobOf } from './jobs.js'
import { type LifeRules, makeNode } from './phases.js'
import { hashOf, newToken } from './tokens.js'

export type InstallJobOptions = { commits: Commits; rules: LifeRules; log: Logger }

/** What a power failure of this host must not take back once it was answered. */
const LASTING: readonly Call[] = ['finish', 'report', 'phone-home']
const LOG_LIMIT = 64 * 1024 // characters of one call

export function createInstallJobs({ commits, rules, log }: InstallJobOptions): InstallJobs {
  /** Does it for whoever holds the token, in one transaction. A refusal is logged, without the token. */
  const withToken = async <T extends object>(
    call: Call,
    token: string,
    peer: Peer,
    work: (act: Act, admitted: Admitted) => Promise<T | Refusal>,
  ): Promise<T | Refusal> => {
    const answer = await commits.commit(
      async act => {
        const admitted = await admit(act, rules, call, token, peer)
        return isRefusal(admitted) ? admitted : work(act, admitted)
      },
      LASTING.includes(call) ? 'synced' : undefined,
    )
    if (isRefusal(answer)) log.warn({ call, address: peer.address, mac: peer.mac }, `refused: ${answer.why}`)
    return answer
  }

  return {
    answers: (token, peer) =>
      withToken('answers', token, peer, async (act, admitted) => {
        await act.tx.useHandOut(admitted.handOut.hash)
        return jobOf(act, admitted.machine, { instance: admitted.instance, token })
      }),

    finish: (token, peer) =>
      withToken('finish', token, peer, async (act, admitted) => {
        const phoneToken = newToken(act.random)
        await act.tx.addHandOut({
          ...{ hash: hashOf(phoneToken), instance: admitted.instance.id, task: 'phone', at: act.at },
          ...{ address: peer.address, used: false, current: true },
        })
        const job = await jobOf(act, admitted.machine, { instance: admitted.instance, token })
        return { ...job, phoneToken }
      }),

    report: (token, report, peer) =>
      withToken('report', token, peer, async (act, admitted) => {
        const told = await reported(act, rules, admitted, report)
        const { instance } = admitted
        return (
          told ??
          deny(act, instance, 'report', `"${report.stage}" is out of place: ${standing(instance)}`, peer)
        )
      }),

    log: async (token, text, peer) => {
      const kept = await withToken('log', token, peer, async (act, { instance }) => {
        await act.tx.appendLog(instance.id, masked(text).slice(-LOG_LIMIT))
        return instance
      })
      return isRefusal(kept) ? kept : undefined
    },

    phoneHome: (token, call, peer) =>
      withToken('phone-home', token, peer, async (act, { instance }) => {
        const why = whyNotAgain(instance, call)
        return (
          (why === undefined && (await phonedHome(act, rules, instance, call, peer))) ||
          deny(act, instance, 'phone-home', why ?? standing(instance), peer)
        )
      }),
  }
}

const standing = ({ phase }: InstanceRecord) => `the instance is ${phase}`

/** The first call pins the keys: another one with other keys comes from another system. */
function whyNotAgain({ hostKeys }: InstanceRecord, call: PhoneHome): string | undefined {
  if (call.hostKeys.length === 0) return 'it tells no SSH host key'
  const same = hostKeys === undefined || sorted(hostKeys) === sorted(call.hostKeys)
  return same ? undefined : 'it tells other SSH host keys than the first time'
}

const sorted = (keys: readonly string[]) => [...keys].sort().join('\n')

async function phonedHome(
  act: Act,
  rules: LifeRules,
  instance: InstanceRecord,
  { hostName, hostKeys }: PhoneHome,
  { address }: Peer,
): Promise<InstanceRecord | undefined> {
  if (isMember(instance)) return instance
  const installedAt = instance.installedAt ?? act.at
  await act.tx.setToken(instance.machine, null) // with kexec its scout ended without a netboot
  await act.tx.appendLog(instance.id, `--- ${act.at.toISOString()} the new system runs\n`)
  await act.tx.setNodeValues(instance.id, {}) // another system may have published some
  return makeNode(act, rules, instance, {
    event: 'phoned-home',
    why: `${hostName} is up at ${address}`,
    change: { installedAt, address, hostName, hostKeys },
  })
}
