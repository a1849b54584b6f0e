import { randomBytes } from 'node:crypto'
import { access, constants, mkdir } from 'node:fs/promises'
import type { Config } from '../config.js'
import { type BootFiles, openBootFiles } from '../control/bootFiles.js'
import { createInventory, type Inventory } from '../control/inventory.js'
import { openApiToken } from '../io/apiToken.js'
import type { Log } from '../io/log.js'
import { openStore } from '../io/store.js'
import type { Keep } from './parts.js'

/** What outlives the daemon: everything under the state directory. */
export type State = { inventory: Inventory; files: BootFiles; token: string }

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
  return { inventory, files: await openBootFiles(stateDir), token: await openApiToken(stateDir) }
}
