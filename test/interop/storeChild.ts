import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { MachineId } from '../../src/core/machine.js'
import { openStore, type Store } from '../../src/io/store.js'
import { AT, M1, quiet } from '../control/example.js'
import { lookInto } from './storeLook.js'

/** A process that the store's tests kill, or whose disk they fill: storeChild.ts STATE-DIR (write|look). */

const [stateDir = '', task = ''] = process.argv.slice(2)
const say = (line: string) => process.stdout.write(`${line}\n`)

/** One machine and one event, both or neither. */
async function write(store: Store, n: number): Promise<void> {
  const id = `m-${n.toString(16).padStart(12, '0')}` as MachineId
  const name = `node-${n}`
  await store.transaction(async tx => {
    await tx.insert({
      ...{ id, name, group: 'default', state: 'seen', localBoot: 'auto', macs: [M1] },
      ...{ firstSeen: AT, lastSeen: AT },
    })
    await tx.addEvent({ at: AT, machine: id, kind: 'seen', text: 'x'.repeat(200) })
  })
  say(`wrote ${n}`)
}

/** Writes until it is killed or the disk is full; then makes room and goes on. */
async function writeOn(store: Store): Promise<void> {
  let n = await store.count()
  const until = async (end: number) => {
    for (; n < end; n++) await write(store, n)
  }
  await until(Number.POSITIVE_INFINITY).catch((error: Error) => say(`failed: ${error.message}`))
  rmSync(join(stateDir, 'ballast'))
  await until(n + 5)
  say('went on')
}

async function look(store: Store): Promise<void> {
  for (const [what, found] of Object.entries(await lookInto(stateDir, store))) say(`${what} ${found}`)
}

try {
  const store = await openStore(stateDir, quiet)
  await (task === 'look' ? look(store) : writeOn(store))
  await store.close()
} catch (error) {
  say(`error: ${(error as Error).message}`)
}
