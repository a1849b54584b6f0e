import type { Phase, Stage } from './instance.js'
import type { Installer } from './profile.js'

const MIN = 60

/** However it was installed. It begins when the node is worked on, and does not run out while the node waits. */
const CONVERGING = { converging: 30 * MIN }

/** Seconds that each stage may take. The machine may be off while `reserved`; somebody has to switch it on. */
export const DEADLINES: Record<Installer, Record<Stage, number>> = {
  image: { reserved: 30 * MIN, starting: 5 * MIN, installing: 20 * MIN, installed: 15 * MIN, ...CONVERGING },
  preseed: {
    reserved: 30 * MIN,
    starting: 15 * MIN,
    installing: 90 * MIN,
    installed: 20 * MIN,
    ...CONVERGING,
  },
  kickstart: {
    reserved: 30 * MIN,
    starting: 15 * MIN,
    installing: 90 * MIN,
    installed: 20 * MIN,
    ...CONVERGING,
  },
}

/** After this the owner is told that the machine does not come back; it is waited for all the same. */
const SHUTTING_DOWN = 30 * MIN

/** Seconds; what is absent is left as it is. */
export type StageTimes = { readonly [S in Stage]?: number | undefined }

/** Until when an instance may be in a phase. The settings override the table, and a profile the settings. */
export function deadlineOf(
  phase: Phase,
  since: Date,
  by: { readonly installer: Installer; readonly settings?: StageTimes; readonly profile?: StageTimes },
): Date | undefined {
  const seconds = secondsOf(phase, by)
  return seconds === undefined ? undefined : new Date(since.getTime() + seconds * 1000)
}

function secondsOf(
  phase: Phase,
  { installer, settings = {}, profile = {} }: Parameters<typeof deadlineOf>[2],
): number | undefined {
  if (phase === 'shutting-down') return SHUTTING_DOWN
  if (phase === 'running' || phase === 'terminated' || phase === 'failed') return undefined
  return profile[phase] ?? settings[phase] ?? DEADLINES[installer][phase]
}

/** Installers that could not reach a daemon that was away get this long to say what happened meanwhile. */
const GRACE_MS = 60_000

export const isOverdue = (
  { deadline }: { readonly deadline?: Date | undefined },
  now: Date,
  daemonStarted: Date,
): boolean => deadline !== undefined && now > deadline && now.getTime() - daemonStarted.getTime() >= GRACE_MS
