import { randomBytes } from 'node:crypto'
import { access, constants, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config.js'
import { type BootFiles, openBootFiles } from '../control/bootFiles.js'
import { createCommits } from '../control/commits.js'
import type { Converger } from '../control/converging.js'
import { createDirectory, type Directory } from '../control/directory.js'
import { createInstallJobs } from '../control/installJobs.js'
import { createInstances, type InstallJobs, type Instances } from '../control/instances.js'
import { createInventory, type Inventory } from '../control/inventory.js'
import { type Joining, startJoining } from '../control/joinQueue.js'
import type { LifeRules } from '../control/phases.js'
import { rebootNodeBy } from '../control/rebootNode.js'
import { startReconciler } from '../control/reconciler.js'
import { minNodesIn } from '../core/joinRule.js'
import { openApiToken } from '../io/apiToken.js'
import { readAuthorizedKeys } from '../io/authorizedKeys.js'
import { type Authority, openAuthority } from '../io/certificates.js'
import { type JoinRules, openJoinRules } from '../io/joinRules.js'
import type { Log } from '../io/log.js'
import { type Media, openMedia } from '../io/media.js'
import { type MirrorCache, openMirrorCache } from '../io/mirrorCache.js'
import { openProfiles, type Profiles } from '../io/profiles.js'
import { openSshKey, type SshKey } from '../io/sshKey.js'
import { openStore } from '../io/store.js'
import { wakeOn } from '../io/wakeOnLan.js'
import { convergerOf } from './converger.js'
import type { Keep } from './parts.js'

/** What outlives the daemon: everything under the state directory. */
export type State = {
  inventory: Inventory
  instances: Instances
  joining: Joining
  converger: Converger
  jobs: InstallJobs
  profiles: Profiles
  files: BootFiles
  media: Media
  mirrors: MirrorCache
  token: string
  sshKey: SshKey
  authority: Authority
  directory: Directory
}

export async function openState(config: Config, log: Log, keep: Keep): Promise<State> {
  const { stateDir, eventsKept } = config
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  await access(stateDir, constants.R_OK | constants.W_OK | constants.X_OK)
  const store = keep('store', await openStore(stateDir, log.area('inventory')))
  const now = () => new Date()
  const joinRules = openJoinRules(config.joinRules, log.area('install'))
  await joinRules.current()
  const rules = rulesOf(config, joinRules, now())
  const commits = createCommits({ store, log: log.area('inventory'), now, random: randomBytes, eventsKept })
  const profiles = openProfiles({ folder: config.profilesDir, log: log.area('install') })
  const media = openMedia(stateDir)
  const ownerKeys = () => readAuthorizedKeys(config.authorizedKeys)
  const joining = keep(
    'joining',
    startJoining({
      ...{ store, commits, rules, now, log: log.area('install') },
      ...{ joinRules, profiles, media, ownerKeys },
    }),
  )
  const wake = wakeOn(config.address)
  const inventory = createInventory({
    ...{ store, commits, rules, wake, now, log: log.area('inventory'), asked: joining.asked },
    isProfile: async name => (await profiles.find(name)) !== undefined,
  })
  keep('inventory', { close: () => inventory.flush() })
  const mirrors = await openMirrorCache({
    folder: join(stateDir, 'mirror'),
    mirrors: config.mirrors,
    limit: config.mirrorCacheSize * 1e9,
    log: log.area('mirror'),
    now: Date.now,
  })
  keep('mirror', mirrors)
  const sshKey = await openSshKey(stateDir)
  const authority = await openAuthority(stateDir, now(), randomBytes)
  const parts = { store, commits, rules, now }
  const converger = convergerOf(config, { ...parts, sshKey, authority, log: log.area('converge') })
  const life = { ...parts, converger, rebootNode: rebootNodeBy(sshKey), log: log.area('install') }
  const instances = createInstances({
    ...{ ...life, profiles, media, ownerKeys },
  })
  keep('reconciler', startReconciler({ ...life, wake, powerOffFreeAfter: config.powerOffFreeAfter }))
  return {
    ...{ inventory, instances, converger, joining, profiles, media, mirrors, sshKey, authority },
    directory: createDirectory({ store, ownerUser: config.ownerUser }),
    jobs: createInstallJobs({ commits, rules, log: log.area('install') }),
    files: openBootFiles(stateDir),
    token: await openApiToken(stateDir),
  }
}

const rulesOf = (c: Config, joinRules: JoinRules, started: Date): LifeRules => ({
  attempts: c.installAttempts,
  deadlines: {
    reserved: c.deadlineReserved,
    starting: c.deadlineStarting,
    installing: c.deadlineInstalling,
    installed: c.deadlineInstalled,
    converging: c.deadlineConverging,
  },
  roles: c.roles,
  minNodes: group => minNodesIn(joinRules.last().rules, group),
  started,
})
