import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import t from 'tap'
import { openStore } from '../../src/io/store.js'
import { facts, granted, inventoryIn, mac, quiet, report, sighting } from '../control/example.js'
import { lookInto } from './storeLook.js'

/** What happens to the inventory when the process or the disk fails, and when there are many machines. */

const CHILD = new URL('./storeChild.ts', import.meta.url).pathname
const NODE = [process.execPath, ...process.execArgv, CHILD]
const LIMIT = { signal: AbortSignal.timeout(120_000) }

const start = (stateDir: string): ChildProcess => {
  const [command = '', ...args] = NODE
  return spawn(command, [...args, stateDir, 'write'], { stdio: ['ignore', 'pipe', 'inherit'], ...LIMIT })
}

async function linesOf(child: ChildProcess, until: (line: string) => boolean): Promise<string[]> {
  const lines: string[] = []
  if (!child.stdout) return lines
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    if (until(line)) child.kill('SIGKILL')
  }
  return lines
}

const numberIn = (lines: string[], what: string) =>
  Number(lines.find(line => line.startsWith(`${what} `))?.slice(what.length + 1) ?? Number.NaN)

t.test('kill -9 at any time loses nothing that was acknowledged', async t => {
  const stateDir = t.testdir()
  let known = 0
  for (const round of [1, 2, 3]) {
    const child = start(stateDir)
    const ended = once(child, 'exit', LIMIT)
    let written = 0
    const lines = await linesOf(child, () => ++written === 50 * round)
    await ended
    known += lines.filter(line => line.startsWith('wrote')).length
    const store = await openStore(stateDir, quiet)
    const found = await lookInto(stateDir, store)
    await store.close()
    t.equal(found.integrity, 'ok', `round ${round}`)
    t.ok(found.machines >= known, `${known} were acknowledged, ${found.machines} are there`)
    t.equal(found.events, found.machines, 'no transaction is there by half')
    known = found.machines
  }
})

const root = process.getuid?.() === 0

/** Runs commands in a mount namespace of its own, where the state directory is a file system of 1 MB. */
async function onSmallDisk(stateDir: string, commands: string): Promise<string[]> {
  const child = `${NODE.map(word => `'${word}'`).join(' ')} ${stateDir}`
  const script = `set -e; mount -t tmpfs -o size=1m,mode=700 muster-test ${stateDir}\n${commands.replaceAll('CHILD', child)}`
  const { stdout } = await promisify(execFile)('unshare', ['--mount', 'bash', '-c', script], LIMIT)
  return stdout.split('\n')
}

t.test('a full disk', { skip: root ? false : 'needs root to mount' }, async t => {
  const dir = t.testdir()
  const lines = await onSmallDisk(
    dir,
    `head -c 300000 /dev/zero > ${dir}/ballast; CHILD write; CHILD look; mount -o remount,size=8m ${dir}; CHILD look`,
  )
  const wrote = lines.filter(line => line.startsWith('wrote')).length
  t.match(
    lines.find(line => line.startsWith('failed')),
    /no space left for .*muster\.db: free some on its file system; nothing was lost but this write/,
  )
  t.ok(lines.includes('went on'), 'it goes on as soon as there is room')
  t.equal(lines.filter(line => line === 'integrity ok').length, 2)
  t.equal(numberIn(lines, 'machines'), wrote)
  t.equal(numberIn(lines, 'events'), wrote)
})

t.test('a disk that is full from the start', { skip: root ? false : 'needs root to mount' }, async t => {
  const dir = t.testdir()
  const lines = await onSmallDisk(dir, `head -c 2000000 /dev/zero > ${dir}/ballast || true; CHILD look`)
  t.match(lines[0], /^error: (no space left for|reading or writing) .*muster\.db/)
})

t.test('a read-only state directory', { skip: root ? false : 'needs root to mount' }, async t => {
  const dir = t.testdir()
  for (const [name, before] of [
    ['a new one', ''],
    ['one with an inventory', 'CHILD look >/dev/null;'],
  ] as const)
    t.test(name, async t => {
      const lines = await onSmallDisk(dir, `${before} mount -o remount,ro ${dir}; CHILD look`)
      t.match(lines[0], /^error: cannot write .*muster\.db: its file system is mounted read-only/)
    })
})

t.test('10,000 machines', async t => {
  const { inventory, store, close } = await inventoryIn(t)
  /** The fastest of several runs: other programs share this machine. */
  const timed = async <T>(what: string, bound: number, work: () => Promise<T>, runs = 10): Promise<T> => {
    let [best, result] = [Number.POSITIVE_INFINITY, undefined as T]
    for (let run = 0; run < runs; run++) {
      const begun = performance.now()
      result = await work()
      best = Math.min(best, performance.now() - begun)
    }
    t.ok(best < bound, `${what}: ${best.toFixed(1)} ms, at most ${bound}`)
    return result
  }
  const nth = (n: number) => mac(`5254${n.toString(16).padStart(8, '0')}`)
  const uuid = (n: number) => `aaaaaaaa-bbbb-4ccc-8ddd-${n.toString(16).padStart(12, '0')}`

  const firstPackets = async () => {
    for (let n = 0; n < 1_000; n++) inventory.sighted(sighting(nth(n)))
    await inventory.flush()
  }
  await timed('the first packets of 1,000', 20_000, firstPackets, 1)
  const hardware = (n: number) => facts([nth(n)], { uuid: uuid(n), serial: `S-${n}` })
  await store.transaction(async tx => {
    const [one] = await store.list()
    if (!one) throw new Error('the first packets were lost')
    for (let n = 1_000; n < 10_000; n++) {
      const id = `m-${n.toString(16).padStart(12, '0')}` as typeof one.id
      const found = { disks: [{ name: 'sda', size: 2 ** 40 }], uuid: uuid(n), serial: `S-${n}` }
      await tx.insert({ ...one, ...found, id, name: `oak-${n}`, macs: [nth(n)], state: 'discovered' })
      await tx.saveFacts(id, hardware(n))
    }
  })
  t.equal((await timed('the list', 1_500, () => inventory.list())).length, 10_000)
  await timed('one by name', 50, () => inventory.find('oak-9000'))
  const boot = await timed('a boot', 100, () => inventory.booted(report(nth(9_001), { uuid: uuid(9_001) })))
  t.equal(boot.machine.name, 'oak-9001')
  const scout = await inventory.scoutOf(boot.scoutToken ?? '')
  if (!scout) return t.fail('no scout')
  granted(await timed('its facts', 100, () => inventory.recordFacts(scout, hardware(9_001), '192.0.2.1')))
  await timed('a poll for orders', 50, () => inventory.nextOrder(scout.id, boot.scoutToken ?? ''))
  await close()
})
