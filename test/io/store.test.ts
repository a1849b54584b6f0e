import { chmodSync, mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Machine, MachineId } from '../../src/core/machine.js'
import { MIGRATIONS, type Migration, migrate } from '../../src/io/migrations.js'
import { openDatabase } from '../../src/io/sqlite.js'
import { openStore } from '../../src/io/store.js'
import { AT, facts, M1, M2, quiet, U1 } from '../control/example.js'

const id = (n: number) => `m-${n.toString(16).padStart(12, '0')}` as MachineId

const machine = (n: number, more: Partial<Machine> = {}): Machine => ({
  id: id(n),
  name: `node-${n}`,
  group: 'default',
  state: 'seen',
  localBoot: 'auto',
  macs: [M1],
  firstSeen: AT,
  lastSeen: AT,
  ...more,
})

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)

t.test('a machine comes back as it was saved', async t => {
  const store = await openStore(t.testdir(), quiet)
  const whole = machine(1, {
    macs: [M2, M1],
    address: '192.0.2.1',
    firmware: 'uefi',
    arch: 'x86_64',
    vendor: 'Example "quoted" \u{1f600}',
    product: "Box '1'",
    serial: 'S-1001',
    boardSerial: 'B-1001',
    chassisSerial: 'C-1001',
    uuid: U1,
    cores: 4,
    memory: 2 ** 40,
    disks: [{ name: 'sda', size: 2 ** 44 }],
  })
  const recorded = facts([M2, M1], { uuid: U1 })
  await store.transaction(async tx => {
    await tx.insert(machine(1, { macs: [M1] }))
    await tx.save(whole)
    await tx.saveFacts(whole.id, recorded)
  })
  t.same(await store.find(whole.id), { ...whole, facts: recorded })
  t.same(await store.find('node-1'), { ...whole, facts: recorded })
  t.same(await store.list(), [whole])
  t.same(await store.brief(whole.id), whole)
  t.same(
    (await store.sharing(['system:S-1001', 'mac:none'])).map(one => one.id),
    [whole.id],
  )
  t.same(await store.sharing(['system:S-2002']), [])
  await store.transaction(tx => tx.save({ ...whole, serial: 'S-2002', macs: [M1] }))
  t.same(await store.sharing(['system:S-1001', `mac:${M2}`]), [], 'the keys follow the machine')
  await store.close()
})

t.test('files are their owner’s alone', async t => {
  const stateDir = join(t.testdir(), 'deep', 'state')
  const store = await openStore(stateDir, quiet)
  await store.transaction(tx => tx.insert(machine(1)))
  t.equal(mode(stateDir), '700')
  for (const name of ['muster.db', 'muster.db-wal', 'muster.db-shm'])
    t.equal(mode(join(stateDir, name)), '600', name)
  await store.close()
})

t.test('transactions', async t => {
  const store = await openStore(t.testdir(), quiet)

  t.test('one that fails leaves nothing', async t => {
    const failing = store.transaction(async tx => {
      await tx.insert(machine(1))
      throw new Error('changed its mind')
    })
    await t.rejects(failing, { message: 'changed its mind' })
    t.same(await store.list(), [])
  })

  t.test('a broken rule is an error, and the next one is not harmed', async t => {
    const twice = store.transaction(async tx => {
      await tx.insert(machine(1))
      await tx.insert(machine(2, { name: 'node-1' }))
    })
    await t.rejects(twice, { message: /UNIQUE constraint failed: machines.name/ })
    await store.transaction(tx => tx.insert(machine(3)))
    t.same(
      (await store.list()).map(one => one.id),
      [id(3)],
    )
  })

  t.test('they run one at a time, in the order they were asked for', async t => {
    const asked = Array.from({ length: 50 }, (_, n) =>
      store.transaction(
        async tx => {
          const before = await tx.find(id(3))
          await new Promise(setImmediate)
          await tx.save(machine(3, { cores: (before?.cores ?? 0) + 1 }))
          return n
        },
        n % 2 ? 'synced' : 'soon',
      ),
    )
    t.same(await Promise.all(asked), [...asked.keys()])
    t.equal((await store.find(id(3)))?.cores, 50, 'no update is lost')
  })

  t.test('what is read is what was committed', async t => {
    await store.transaction(async tx => {
      await tx.save(machine(3, { group: 'new' }))
      t.equal((await tx.find(id(3)))?.group, 'new', 'inside')
      t.equal((await store.find(id(3)))?.group, 'default', 'outside')
    })
    t.equal((await store.find(id(3)))?.group, 'new', 'afterwards')
  })

  t.teardown(() => store.close())
})

t.test('a flood replaces what was only observed', async t => {
  const store = await openStore(t.testdir(), quiet)
  await store.transaction(async tx => {
    for (let n = 0; n < 6; n++)
      await tx.insert(
        machine(n, { state: n % 2 ? 'seen' : 'discovered', lastSeen: new Date(AT.getTime() - n) }),
      )
    t.equal(await tx.forgetObserved(2), 2)
  })
  t.same(
    (await store.list()).map(one => one.name),
    ['node-0', 'node-1', 'node-2', 'node-4'],
  )
  await store.close()
})

t.test('migrations', async t => {
  const steps = [
    { name: 'one', statements: ['CREATE TABLE a (x TEXT)'] },
    { name: 'two', statements: ["INSERT INTO a VALUES ('kept')", 'CREATE TABLE b (y TEXT)'] },
    { name: 'three', statements: ['ALTER TABLE a ADD COLUMN z TEXT'] },
  ]
  const schema = async (path: string) => {
    const database = await openDatabase(path)
    const rows = await database.read.all<{ sql: string }>(
      'SELECT sql FROM sqlite_schema WHERE sql NOT NULL ORDER BY name',
    )
    await database.close()
    return rows.map(row => row.sql)
  }
  const run = async (path: string, list: readonly Migration[] = steps) => {
    const database = await openDatabase(path)
    return migrate(database, path, list).finally(() => database.close())
  }
  const dir = t.testdir()
  const fresh = join(dir, 'fresh.db')
  t.same(await run(fresh), { from: 0, to: 3 })
  t.same(await run(fresh), { from: 3, to: 3 }, 'nothing to do')
  for (let version = 0; version < steps.length; version++) {
    const path = join(dir, `${version}.db`)
    await run(path, steps.slice(0, version))
    t.same(await run(path), { from: version, to: 3 })
    t.same(await schema(path), await schema(fresh), `from version ${version}`)
  }
  const broken = [...steps, { name: 'four', statements: ['CREATE TABLE c (x TEXT)', 'nonsense'] }]
  await t.rejects(run(fresh, broken), {
    message: /^migration 4 \(four\) failed and was undone: .*syntax error/,
  })
  t.notMatch(await schema(fresh), /TABLE c/)
  t.same(await run(fresh), { from: 3, to: 3 }, 'and the database is still good')
  await t.rejects(run(fresh, steps.slice(0, 2)), {
    message:
      /was written by a newer muster \(its schema is 3, this program knows 2\): install that version again/,
  })

  const real = join(dir, 'real.db')
  t.same(await run(real, MIGRATIONS), { from: 0, to: MIGRATIONS.length })
})

t.test('two can start on one new database', async t => {
  // Once in ten rounds SQLite answers one of them SQLITE_BUSY at once.
  for (let round = 0; round < 40; round++) {
    const path = join(t.testdir(), 'two.db')
    const both = await Promise.all([openDatabase(path), openDatabase(path)])
    await Promise.all(both.map(database => migrate(database, path)))
    await Promise.all(both.map(database => database.close()))
  }
  t.pass('forty times')
})

t.test('what is wrong and what to do', async t => {
  const root = process.getuid?.() === 0
  for (const [name, prepare, message] of [
    [
      'no database',
      (dir: string) => writeFileSync(join(dir, 'muster.db'), 'x'.repeat(4096)),
      /is no SQLite database: move it away/,
    ],
    [
      'a damaged one',
      (dir: string) => truncateSync(join(dir, 'muster.db'), 5_000),
      /is damaged: stop muster, keep a copy of it/,
    ],
    ['a folder in its place', (dir: string) => mkdirSync(join(dir, 'muster.db')), /muster\.db/],
    ...(root
      ? []
      : [
          [
            'a folder that may not be written',
            (dir: string) => chmodSync(dir, 0o500),
            /must be writable for the user that runs muster/,
          ],
        ]),
  ] as [string, (dir: string) => void, RegExp][])
    t.test(name, async t => {
      const dir = t.testdir()
      if (name === 'a damaged one') {
        const store = await openStore(dir, quiet)
        await store.transaction(tx => tx.insert(machine(1)))
        await store.close()
      }
      prepare(dir)
      await t.rejects(
        openStore(dir, quiet).then(async store => {
          await store.list().finally(() => store.close())
        }),
        { message },
      )
    })

  t.test('the state directory is a file', async t => {
    await t.rejects(openStore(join(t.testdir({ file: '' }), 'file'), quiet), {
      message: /a part of that path is a file|exists/,
    })
  })
})
