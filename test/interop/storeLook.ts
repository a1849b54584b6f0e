import { join } from 'node:path'
import { openDatabase } from '../../src/io/sqlite.js'
import type { Store } from '../../src/io/store.js'

/** What is in a store, and whether SQLite finds it sound. */
export async function lookInto(stateDir: string, store: Store) {
  const database = await openDatabase(join(stateDir, 'muster.db'))
  const [row] = await database.read.all<{ integrity_check: string }>('PRAGMA integrity_check')
  await database.close()
  const machines = await store.count()
  const events = (await store.events({ limit: 1_000_000 })).length
  return { integrity: row?.integrity_check, machines, events }
}
