import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'
import { openDatabase } from '../../src/io/sqlite.js'
import { facts, granted, inventoryIn, mac, report } from '../control/example.js'
import { stateDir as makeStateDir } from '../support/stateDir.js'

/** Several processes want the same machines on one database; whoever is told yes has them alone. */

const CHILD = new URL('./allocationChild.ts', import.meta.url).pathname
const PROCESSES = 4
const RACES = 10_000
const MACHINES = 4
const BOUND_MS = 40_000

async function discover(stateDir: string, inventory: Awaited<ReturnType<typeof inventoryIn>>['inventory']) {
  for (let n = 0; n < MACHINES; n++) {
    const own = mac(`52:54:00:00:02:0${n}`)
    const { scoutToken = '' } = await inventory.booted(report(own))
    const machine = await inventory.scoutOf(scoutToken)
    if (!machine) throw new Error(`${own} got no scout in ${stateDir}`)
    granted(await inventory.recordFacts(machine, facts([own], { serial: `S-${n}1000` }), '192.0.2.10'))
  }
}

/** A process that is ready to begin; `races` lets it, and resolves with all that it told. */
async function contender(stateDir: string, seed: number) {
  const args = [...process.execArgv, CHILD, stateDir, `${seed}`, `${RACES / PROCESSES}`]
  const child = spawn(process.execPath, args, {
    ...{ stdio: ['pipe', 'pipe', 'inherit'], timeout: 2 * BOUND_MS },
  })
  let told = ''
  const ended = once(child, 'close')
  child.stdout.setEncoding('utf8').on('data', text => {
    told += text
  })
  while (!told.startsWith('ready') && child.exitCode === null)
    await Promise.race([once(child.stdout, 'data'), ended])
  const races = async () => {
    child.stdin.end('go')
    const [code] = await ended
    if (code !== 0) throw new Error(`a process ended with ${code}`)
    return told
  }
  return { races }
}

type Span = { machine: string; from: bigint; to: bigint }
const spansIn = (text: string): Span[] =>
  [...text.matchAll(/^(m-\S+) (\d+) (\d+)$/gm)].map(([, machine = '', from = '', to = '']) => ({
    ...{ machine, from: BigInt(from), to: BigInt(to) },
  }))

/** Pairs of spans of one machine that overlap: nobody asked the database. */
function overlaps(spans: readonly Span[]): number {
  const sorted = [...spans].sort((a, b) => (a.from < b.from ? -1 : 1))
  const until = new Map<string, bigint>()
  return sorted.filter(({ machine, from, to }) => {
    const before = until.get(machine) ?? 0n
    until.set(machine, to > before ? to : before)
    return from < before
  }).length
}

t.test('10,000 races over several processes', async t => {
  const stateDir = makeStateDir(t)
  const { inventory, close } = await inventoryIn(t, { stateDir, at: new Date() })
  await discover(stateDir, inventory)
  await close()

  const seed = Number(process.env.SEED ?? randomInt(2 ** 31))
  t.comment(`SEED=${seed} repeats what each process wants`)
  const contenders = await Promise.all(
    Array.from({ length: PROCESSES }, (_, n) => contender(stateDir, seed + n)),
  )
  const begun = performance.now()
  const texts = await Promise.all(contenders.map(({ races }) => races()))
  const took = performance.now() - begun
  const won = texts.reduce((sum, text) => sum + Number(/^won (\d+)$/m.exec(text)?.[1]), 0)
  const spans = texts.flatMap(spansIn)

  t.comment(`${RACES} races, ${won} won, ${spans.length} machines had, in ${(took / 1000).toFixed(1)} s`)
  t.ok(won > RACES / 20 && won < RACES, `${won} were told yes, the others no`)
  t.ok(spans.length >= won)
  t.equal(overlaps(spans), 0, 'no machine was ever two callers’ at once')
  t.ok(took < BOUND_MS, `${took.toFixed(0)} ms`)

  const { read, close: closeDatabase } = await openDatabase(join(stateDir, 'muster.db'))
  const count = async (what: string) =>
    (await read.all<{ n: number }>(`SELECT count(*) AS n FROM ${what}`))[0]?.n
  t.equal(await count('holds'), 0, 'everything was given back')
  t.equal(await count("instances WHERE phase <> 'terminated'"), 0)
  t.equal(
    await count(`(SELECT id FROM reservations GROUP BY id)`),
    won,
    'each that was told yes has a reservation',
  )
  await closeDatabase()
})

t.test('overlaps are seen', async t => {
  const span = (machine: string, from: bigint, to: bigint) => ({ machine, from, to })
  for (const [name, spans, want] of [
    ['one after the other', [span('a', 1n, 2n), span('a', 3n, 4n)], 0],
    ['two machines', [span('a', 1n, 4n), span('b', 2n, 3n)], 0],
    ['at once', [span('a', 1n, 4n), span('a', 2n, 3n), span('a', 3n, 5n)], 2],
  ] as const)
    t.equal(overlaps(spans), want, name)
})
