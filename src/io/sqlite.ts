import { constants } from 'node:fs'
import { chmod, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import sqlite3 from 'sqlite3'

/**
 * The seam over the sqlite3 package: promises, prepared statements, one connection that writes and one that reads.
 * Nothing else imports the package (docs/decisions/0004-sqlite.md says why it was chosen and what would replace it).
 */

export type Value = string | number | Buffer | null

export type Query = {
  /** The caller names the row's shape; columns are what its SQL selects. */
  all<Row>(sql: string, ...params: Value[]): Promise<Row[]>
  run(sql: string, ...params: Value[]): Promise<{ changes: number; lastId: number }>
}

/** `synced`: on disk before the promise resolves. Otherwise a power failure may take back the last moments. */
export type Durability = 'synced' | 'soon'

export type Database = {
  read: Query
  /**
   * Runs `work` between BEGIN IMMEDIATE and COMMIT, after all transactions that were asked for before; rolls back
   * when it rejects. `work` must not wait for another transaction: it would wait for ever.
   */
  transaction<T>(work: (query: Query) => Promise<T>, durability?: Durability): Promise<T>
  close(): Promise<void>
}

const BUSY_MS = 15_000 // another process may hold the write lock: a backup, the sqlite3 shell, a start on a slow card

const BUSY_PAUSE_MS = 20

const SETTINGS = ['foreign_keys = ON', `busy_timeout = ${BUSY_MS}`]
const WRITER_SETTINGS = ['journal_mode = WAL', 'synchronous = NORMAL']

/** Opens or creates the database, readable by its owner alone. Rejects with a message for the owner. */
export async function openDatabase(path: string): Promise<Database> {
  await createPrivate(path)
  const writer = await connect(path)
  const settings = async () => {
    for (const setting of [...SETTINGS, ...WRITER_SETTINGS])
      await patiently(() => writer.all(`PRAGMA ${setting}`))
    const reader = await connect(path)
    for (const setting of [...SETTINGS, 'query_only = ON']) await reader.all(`PRAGMA ${setting}`)
    return reader
  }
  const reader = await settings().catch(async error => {
    await writer.close()
    throw error
  })
  const transaction = serialTransactions(writer)
  const close = async () => {
    await transaction.idle()
    await reader.close()
    await writer.close() // the last one checkpoints the log into the database
  }
  return { read: reader, transaction: transaction.run, close }
}

/**
 * Two that turn a new database to WAL at once would wait for each other, so SQLite answers one of them SQLITE_BUSY
 * without waiting for busy_timeout (sqlite3_busy_handler, "deadlock"). The other one is done in a moment.
 */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let waited = 0; ; waited += BUSY_PAUSE_MS)
    try {
      return await work()
    } catch (error) {
      const busy = codeOf((error as Error).cause) === 'SQLITE_BUSY'
      if (!busy || waited >= BUSY_MS) throw error
      await pause(BUSY_PAUSE_MS)
    }
}

/** SQLite gives its -wal and -shm files the database's mode, so the mode has to be right before it opens it. */
async function createPrivate(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600)
    await file.close()
    await chmod(path, 0o600)
  } catch (error) {
    throw explained(error, path)
  }
}

function serialTransactions(writer: Connection) {
  let last: Promise<unknown> = Promise.resolve()
  let synchronous: Durability = 'soon'

  const sync = async (durability: Durability) => {
    if (durability === synchronous) return
    await writer.run(`PRAGMA synchronous = ${durability === 'synced' ? 'FULL' : 'NORMAL'}`)
    synchronous = durability
  }

  const once = async <T>(work: (query: Query) => Promise<T>, durability: Durability): Promise<T> => {
    await sync(durability)
    await writer.run('BEGIN IMMEDIATE')
    try {
      const result = await work(writer)
      await writer.run('COMMIT')
      return result
    } catch (error) {
      // SQLite has rolled back by itself after some errors (disk full); then this one only says so.
      await writer.run('ROLLBACK').catch(() => undefined)
      throw error
    }
  }

  const run = <T>(work: (query: Query) => Promise<T>, durability: Durability = 'soon'): Promise<T> => {
    const result = last.then(() => once(work, durability))
    last = result.catch(() => undefined)
    return result
  }
  return { run, idle: () => last }
}

type Connection = Query & { close(): Promise<void> }

async function connect(path: string): Promise<Connection> {
  const database = await new Promise<sqlite3.Database>((resolve, reject) => {
    const opened: sqlite3.Database = new sqlite3.Database(path, error =>
      error ? reject(explained(error, path)) : resolve(opened),
    )
  })
  const statements = new Map<string, Promise<sqlite3.Statement>>()

  const prepared = (sql: string) => {
    const known = statements.get(sql)
    if (known) return known
    const made = new Promise<sqlite3.Statement>((resolve, reject) => {
      const statement: sqlite3.Statement = database.prepare(sql, error =>
        error ? reject(error) : resolve(statement),
      )
    })
    statements.set(sql, made)
    made.catch(() => statements.delete(sql))
    return made
  }

  return {
    all: async <Row>(sql: string, ...params: Value[]) => {
      const statement = await prepared(sql).catch(rethrow(path))
      return new Promise<Row[]>((resolve, reject) => {
        statement.all<Row>(params, (error, rows) => (error ? reject(explained(error, path)) : resolve(rows)))
      })
    },
    run: async (sql, ...params) => {
      const statement = await prepared(sql).catch(rethrow(path))
      return new Promise((resolve, reject) => {
        statement.run(params, function (error) {
          if (error) reject(explained(error, path))
          else resolve({ changes: this.changes, lastId: this.lastID })
        })
      })
    },
    close: async () => {
      for (const statement of statements.values()) (await statement.catch(() => undefined))?.finalize()
      await new Promise<void>((resolve, reject) => {
        database.close(error => (error ? reject(explained(error, path)) : resolve()))
      })
    },
  }
}

/** What the owner can do about an error code of SQLite or of the file system. */
const REMEDIES: Record<string, (path: string) => string> = {
  SQLITE_FULL: path =>
    `no space left for ${path}: free some on its file system; nothing was lost but this write`,
  ENOSPC: path => `no space left for ${path}: free some on its file system`,
  SQLITE_READONLY: path =>
    `cannot write ${path}: make it and its folder writable for the user that runs muster`,
  SQLITE_CANTOPEN: path => `cannot open ${path}: its folder must be writable for the user that runs muster`,
  EACCES: path => `cannot open ${path}: its folder must be writable for the user that runs muster`,
  EPERM: path => `cannot open ${path}: it must belong to the user that runs muster`,
  EROFS: path => `cannot write ${path}: its file system is mounted read-only`,
  ENOTDIR: path => `cannot create ${path}: a part of that path is a file`,
  SQLITE_CORRUPT: path =>
    `${path} is damaged: stop muster, keep a copy of it, and restore a backup or remove it`,
  SQLITE_NOTADB: path => `${path} is no SQLite database: move it away, or give another --state-dir`,
  SQLITE_BUSY: path => `another program holds ${path}: end it (is a second muster running?)`,
  SQLITE_IOERR: path => `reading or writing ${path} failed: look at the disk (dmesg) and at its free space`,
}

const codeOf = (error: unknown) =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

function explained(error: unknown, path: string): Error {
  const code = codeOf(error)
  const remedy = REMEDIES[code]
  const message = error instanceof Error ? error.message : String(error)
  return new Error(remedy ? `${remedy(path)} (${code})` : `${path}: ${message}`, { cause: error })
}

const rethrow = (path: string) => (error: unknown) => {
  throw explained(error, path)
}
