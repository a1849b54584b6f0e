import { ca } from '../commands/ca.js'
import { changes } from '../commands/changes.js'
import { type Command, EXIT } from '../commands/command.js'
import { getConsoleOutput } from '../commands/consoleOutput.js'
import { describeInstance } from '../commands/describeInstance.js'
import { describeInstances } from '../commands/describeInstances.js'
import { describeSystem } from '../commands/describeSystem.js'
import { describeSystems } from '../commands/describeSystems.js'
import { inventory, knownHosts } from '../commands/directory.js'
import { events } from '../commands/events.js'
import {
  convergeInstances,
  rebootInstances,
  retryInstances,
  terminateInstances,
} from '../commands/instanceChanges.js'
import { explainSystem, joinRules } from '../commands/joining.js'
import { plan } from '../commands/plan.js'
import { describePools, setPool } from '../commands/pools.js'
import { describeDistros, describeProfiles } from '../commands/profiles.js'
import { releaseSystems, reserveSystems } from '../commands/reservations.js'
import { runInstances } from '../commands/runInstances.js'
import { savePackets } from '../commands/savePackets.js'
import { status } from '../commands/status.js'
import { describeSystemGroups, describeSystemUser } from '../commands/systemGroups.js'
import { createTags, deleteTags } from '../commands/tags.js'
import { imagesBuild, imagesList } from '../local/images.js'
import { installService } from '../local/installService.js'
import { profilesCheck } from '../local/profiles.js'
import { replay } from '../local/replayCommand.js'
import { scoutBuild } from '../local/scout.js'
import { serve } from '../local/serve.js'

/** All commands, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  serve,
  describeSystems,
  describeSystem,
  describeSystemGroups,
  describeSystemUser,
  describeProfiles,
  describeDistros,
  runInstances,
  describeInstances,
  describeInstance,
  getConsoleOutput,
  terminateInstances,
  retryInstances,
  rebootInstances,
  convergeInstances,
  plan,
  describePools,
  setPool,
  reserveSystems,
  releaseSystems,
  createTags,
  deleteTags,
  events,
  joinRules,
  explainSystem,
  ...changes,
  knownHosts,
  inventory,
  ...ca,
  status,
  savePackets,
  profilesCheck,
  replay,
  scoutBuild,
  imagesBuild,
  imagesList,
  installService,
]

export const EXIT_CODES = `Exit codes: ${EXIT.ok} done, ${EXIT.failed} failed, ${EXIT.usage} wrong usage or settings, \
${EXIT.notFound} no such system or instance, ${EXIT.refused} refused in the present state, ${EXIT.unreachable} the daemon does not answer.`
