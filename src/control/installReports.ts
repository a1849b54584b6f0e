import type { InstanceRecord } from '../core/instance.js'
import { masked } from '../core/masked.js'
import type { Act } from './act.js'
import type { Admitted } from './admitting.js'
import { free } from './freeing.js'
import type { InstallReport } from './instances.js'
import { type LifeRules, move, tell } from './phases.js'

type Told = Promise<InstanceRecord | undefined>

/** What an installer or a wipe tells; undefined when that may not be in this phase. */
export async function reported(act: Act, rules: LifeRules, admitted: Admitted, report: InstallReport): Told {
  await act.tx.useHandOut(admitted.handOut.hash)
  return admitted.handOut.task === 'wipe'
    ? wipeReported(act, rules, admitted.instance, report)
    : installReported(act, rules, admitted, report)
}

async function installReported(
  act: Act,
  rules: LifeRules,
  { instance, machine }: Admitted,
  report: InstallReport,
): Told {
  switch (report.stage) {
    case 'started': {
      if (machine.state === 'protected') return undefined
      const why = `the installer begins with ${instance.disk}`
      return move(act, rules, instance, { event: 'install-started', why, change: { touched: true } })
    }
    case 'progress':
      return progress(act, instance, report)
    case 'installed': {
      const why = 'the disk is written'
      const installedAt = instance.installedAt ?? act.at
      return move(act, rules, instance, { event: 'install-ended', why, change: { installedAt } })
    }
    case 'failed': {
      if (instance.phase === 'failed') return instance // told again, as the answer was lost
      const reason = `the installer gave up: ${oneLine(report.reason)}`
      return move(act, rules, instance, { event: 'install-failed', why: reason, change: { reason } })
    }
    case 'wiped':
      return undefined
  }
}

async function wipeReported(
  act: Act,
  rules: LifeRules,
  instance: InstanceRecord,
  report: InstallReport,
): Told {
  if (instance.phase === 'terminated') return report.stage === 'wiped' ? instance : undefined
  switch (report.stage) {
    case 'started':
      return instance
    case 'progress':
      return progress(act, instance, report)
    case 'wiped':
      return free(act, rules, { ...instance, touched: false }, `its disk was wiped (${instance.wipe})`)
    case 'failed': {
      const reason = `the wipe failed: ${oneLine(report.reason)}`
      const failed = { ...instance, reason }
      await act.tx.saveInstance(failed)
      await tell(act, instance, reason)
      return failed
    }
    case 'installed':
      return undefined
  }
}

const ADVANCES: readonly InstanceRecord['phase'][] = ['starting', 'installing', 'shutting-down']

/** Comes every few seconds, so it is no event. What comes late changes nothing. */
async function progress(
  act: Act,
  instance: InstanceRecord,
  { percent, note }: { percent?: number; note?: string },
): Promise<InstanceRecord> {
  if (!ADVANCES.includes(instance.phase)) return instance
  const advanced: InstanceRecord = {
    ...instance,
    ...(percent === undefined ? {} : { percent: Math.round(Math.min(100, Math.max(0, percent))) }),
    ...(note === undefined ? {} : { note: oneLine(note) }),
  }
  await act.tx.saveInstance(advanced)
  return advanced
}

const LONGEST = 500

/** What a machine says goes to terminals and logs: no control characters, one line, no token. */
const oneLine = (text: string) =>
  masked(text)
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, LONGEST)
