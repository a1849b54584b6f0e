import { randomBytes } from 'node:crypto'
import { access, constants, mkdir } from 'node:fs/promises'
import type { Config } from '../config.js'
import { type BootFiles, openBootFiles } from '../control/bootFiles.js'
import type { InstallJobs } from '../control/instances.js'
import { createInventory, type Inventory } from '../control/inventory.js'
import { refuse } from '../core/refusal.js'
import { openApiToken } from '../io/apiToken.js'
import type { Log } from '../io/log.js'
import { type Media, openMedia } from '../io/media.js'
import { openSshKey, type SshKey } from '../io/sshKey.js'
import { openStore } from '../io/store.js'
import type { Keep } from './parts.js'

/** What outlives the daemon: everything under the state directory. */
export type State = {
  inventory: Inventory
  jobs: InstallJobs
  files: BootFiles
  media: Media
  token: string
  sshKey: SshKey
}

export async function openState({ stateDir, eventsKept }: Config, log: Log, keep: Keep): Promise<State> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  await access(stateDir, constants.R_OK | constants.W_OK | constants.X_OK)
  const store = keep('store', await openStore(stateDir, log.area('inventory')))
  const now = () => new Date()
  const inventory = createInventory({
    store,
    log: log.area('inventory'),
    now,
    random: randomBytes,
    eventsKept,
  })
  keep('inventory', { close: () => inventory.flush() })
  return {
    inventory,
    jobs: NO_JOBS,
    files: openBootFiles(stateDir),
    media: openMedia(stateDir),
    token: await openApiToken(stateDir),
    sshKey: await openSshKey(stateDir),
  }
}

const unknown = async () => refuse('forbidden', 'unknown token')
const NO_JOBS: InstallJobs = {
  answers: unknown,
  finish: unknown,
  report: unknown,
  log: unknown,
  phoneHome: unknown,
}
