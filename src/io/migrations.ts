import type { Database, Query } from './sqlite.js'

/**
 * The schema, as numbered steps: the database's user_version says how many were taken. A step that was released is
 * never changed; a new one is added. Times are milliseconds since 1970, sizes bytes.
 */
export type Migration = { readonly name: string; readonly statements: readonly string[] }

export const MIGRATIONS: readonly Migration[] = [
  {
    name: 'machines, their facts, events and orders',
    statements: [
      `CREATE TABLE machines (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        group_name TEXT NOT NULL,
        state TEXT NOT NULL,
        local_boot TEXT NOT NULL,
        address TEXT,
        firmware TEXT,
        arch TEXT,
        vendor TEXT,
        product TEXT,
        serial TEXT,
        board_serial TEXT,
        chassis_serial TEXT,
        uuid TEXT,
        cores INTEGER,
        memory INTEGER,
        disks TEXT, -- JSON: name and size of each
        token_hash TEXT, -- SHA-256 of the scout's token
        first_seen INTEGER NOT NULL,
        last_seen INTEGER NOT NULL
      ) STRICT`,
      'CREATE UNIQUE INDEX machines_token ON machines (token_hash) WHERE token_hash IS NOT NULL',
      `CREATE INDEX machines_seen ON machines (last_seen) WHERE state = 'seen'`,
      // What a machine is recognised by, normalised: mac:…, uuid:…, system:…, board:…, chassis:…
      // Two machines may carry the same key; the position keeps the MACs in order, boot MAC first.
      `CREATE TABLE machine_keys (
        key TEXT NOT NULL,
        machine TEXT NOT NULL REFERENCES machines (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        PRIMARY KEY (key, machine)
      ) STRICT, WITHOUT ROWID`,
      'CREATE INDEX machine_keys_machine ON machine_keys (machine, position)',
      `CREATE TABLE facts (
        machine TEXT PRIMARY KEY REFERENCES machines (id) ON DELETE CASCADE,
        body TEXT NOT NULL
      ) STRICT, WITHOUT ROWID`,
      // Ids of records that were found to be another one's machine.
      `CREATE TABLE aliases (
        id TEXT PRIMARY KEY,
        machine TEXT NOT NULL REFERENCES machines (id) ON DELETE CASCADE
      ) STRICT, WITHOUT ROWID`,
      'CREATE INDEX aliases_machine ON aliases (machine)',
      // Events outlive their machine's record, so that machine is no reference.
      `CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        machine TEXT,
        kind TEXT NOT NULL,
        text TEXT NOT NULL,
        data TEXT
      ) STRICT`,
      'CREATE INDEX events_machine ON events (machine, id)',
      `CREATE TABLE orders (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        machine TEXT NOT NULL REFERENCES machines (id) ON DELETE CASCADE,
        kind TEXT NOT NULL,
        given_at INTEGER NOT NULL,
        done_at INTEGER
      ) STRICT`,
      'CREATE INDEX orders_open ON orders (machine, id) WHERE done_at IS NULL',
      'CREATE INDEX orders_machine ON orders (machine)',
    ],
  },
  {
    name: 'reservations, instances, their jobs and logs, tags',
    statements: [
      'ALTER TABLE machines ADD COLUMN profile TEXT',
      `CREATE TABLE reservations (
        id TEXT PRIMARY KEY,
        user_name TEXT NOT NULL,
        made_at INTEGER NOT NULL,
        client_token TEXT
      ) STRICT`,
      `CREATE UNIQUE INDEX reservations_client_token ON reservations (user_name, client_token)
        WHERE client_token IS NOT NULL`,
      // Whoever holds a machine; the key says that nobody else does. A machine that is held cannot be deleted.
      `CREATE TABLE holds (
        machine TEXT PRIMARY KEY REFERENCES machines (id),
        reservation TEXT NOT NULL REFERENCES reservations (id)
      ) STRICT, WITHOUT ROWID`,
      'CREATE INDEX holds_reservation ON holds (reservation)',
      `CREATE TABLE instances (
        id TEXT PRIMARY KEY,
        reservation TEXT NOT NULL REFERENCES reservations (id),
        machine TEXT NOT NULL REFERENCES machines (id),
        name TEXT NOT NULL,
        user_name TEXT NOT NULL,
        profile TEXT NOT NULL,
        snapshot TEXT NOT NULL, -- JSON: the profile as it was
        phase TEXT NOT NULL,
        since INTEGER NOT NULL,
        deadline INTEGER,
        launched INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        percent INTEGER,
        note TEXT,
        reason TEXT,
        disk TEXT NOT NULL,
        touched INTEGER NOT NULL, -- 1: the installer had permission to write to the disk
        installed_at INTEGER,
        address TEXT,
        host_name TEXT,
        host_keys TEXT, -- JSON
        wipe TEXT NOT NULL,
        power_off INTEGER NOT NULL,
        tries INTEGER NOT NULL, -- reboots over SSH, to get it back into the scout
        next_try INTEGER,
        user_data BLOB
      ) STRICT`,
      `CREATE UNIQUE INDEX instances_live ON instances (machine) WHERE phase <> 'terminated'`,
      `CREATE UNIQUE INDEX instances_name ON instances (name) WHERE phase <> 'terminated'`,
      'CREATE INDEX instances_machine ON instances (machine)',
      'CREATE INDEX instances_reservation ON instances (reservation)',
      'CREATE INDEX instances_deadline ON instances (deadline) WHERE deadline IS NOT NULL',
      'CREATE INDEX instances_next_try ON instances (next_try) WHERE next_try IS NOT NULL',
      // Tokens as SHA-256. Those that were replaced stay, so that whoever still uses one is recognised.
      `CREATE TABLE jobs (
        hash TEXT PRIMARY KEY,
        instance TEXT NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
        task TEXT NOT NULL, -- install, wipe, phone
        address TEXT, -- that it was handed to
        scout TEXT, -- hash of the scout's token, when it was handed to a scout
        given_at INTEGER NOT NULL,
        used INTEGER NOT NULL,
        current INTEGER NOT NULL -- 0: a newer one took its place, or it may not be used any more
      ) STRICT, WITHOUT ROWID`,
      'CREATE INDEX jobs_instance ON jobs (instance)',
      `CREATE TABLE instance_log (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        instance TEXT NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
        text TEXT NOT NULL,
        size INTEGER NOT NULL
      ) STRICT`,
      'CREATE INDEX instance_log_instance ON instance_log (instance, id)',
      // Of instances and machines; ids are never used twice, so that resource is no reference.
      `CREATE TABLE tags (
        resource TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (resource, key)
      ) STRICT, WITHOUT ROWID`,
    ],
  },
  {
    name: 'what is done on nodes, what they publish, pools',
    statements: [
      'ALTER TABLE machines ADD COLUMN rests INTEGER NOT NULL DEFAULT 0', // 1: no join rule takes it
      'ALTER TABLE instances ADD COLUMN converge_at INTEGER',
      'ALTER TABLE instances ADD COLUMN turning INTEGER NOT NULL DEFAULT 0',
      'ALTER TABLE instances ADD COLUMN misses INTEGER NOT NULL DEFAULT 0',
      'ALTER TABLE instances ADD COLUMN step_tries INTEGER NOT NULL DEFAULT 0',
      'CREATE INDEX instances_converge_at ON instances (converge_at) WHERE converge_at IS NOT NULL',
      'CREATE INDEX instances_turning ON instances (id) WHERE turning = 1',
      // One row for each time that a step was begun on a node.
      `CREATE TABLE node_steps (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        instance TEXT NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
        step TEXT NOT NULL, -- ROLE/STEP
        reason TEXT NOT NULL,
        digest TEXT NOT NULL, -- SHA-256 of its script: whether the same was tried again
        state TEXT NOT NULL, -- running, done, failed, interrupted
        started INTEGER NOT NULL,
        ended INTEGER,
        tries INTEGER NOT NULL, -- this one included
        output TEXT NOT NULL -- the last of it, without secrets
      ) STRICT`,
      'CREATE INDEX node_steps_instance ON node_steps (instance, id)',
      // Facts of a node that the others of its pool see.
      `CREATE TABLE node_values (
        instance TEXT NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (instance, name)
      ) STRICT, WITHOUT ROWID`,
      // Of groups. The master's instance may be pruned before another one is elected, so that it is no reference.
      `CREATE TABLE pools (
        name TEXT PRIMARY KEY,
        min_nodes INTEGER NOT NULL,
        master TEXT,
        waiting TEXT -- what it waits for before it elects
      ) STRICT, WITHOUT ROWID`,
    ],
  },
  {
    name: 'the steps of a pass are counted, not those of one step',
    statements: ['ALTER TABLE instances RENAME COLUMN step_tries TO pass_steps'],
  },
]

/** Takes the steps that are missing, each in a transaction of its own. Refuses a database that a newer muster made. */
export async function migrate(
  database: Database,
  path: string,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<{ from: number; to: number }> {
  const from = await versionOf(database.read)
  if (from > migrations.length)
    throw new Error(
      `${path} was written by a newer muster (its schema is ${from}, this program knows ${migrations.length}): ` +
        'install that version again, or give another --state-dir',
    )
  for (const [index, migration] of migrations.entries())
    if (index >= from) await database.transaction(query => step(query, index + 1, migration), 'synced')
  return { from, to: migrations.length }
}

const versionOf = async (query: Query): Promise<number> => {
  const [row] = await query.all<{ user_version: number }>('PRAGMA user_version')
  return row?.user_version ?? 0
}

/** The version is looked at again under the write lock: another process may have taken the step meanwhile. */
async function step(query: Query, version: number, { name, statements }: Migration): Promise<void> {
  if ((await versionOf(query)) >= version) return
  try {
    for (const statement of statements) await query.run(statement)
    await query.run(`PRAGMA user_version = ${version}`)
  } catch (error) {
    throw new Error(`migration ${version} (${name}) failed and was undone: ${(error as Error).message}`, {
      cause: error,
    })
  }
}
