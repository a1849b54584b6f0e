import t from 'tap'
import { createReconciler } from '../../src/control/reconciler.js'
import { wakeReserved } from '../../src/control/waking.js'
import type { InstanceId } from '../../src/core/instance.js'
import { quiet } from './example.js'
import { daemonIn, MACS } from './life.js'

type Daemon = Awaited<ReturnType<typeof daemonIn>>

/** Everything that is due is done. */
async function pass(d: Daemon) {
  await d.reconciler.pass()
  await d.reconciler.settled()
}

const told = async (d: Daemon) =>
  (await d.inventory.events({ limit: 1000 })).filter(({ kind }) => kind === 'wake').map(({ text }) => text)

t.test('the machine of a reserved instance that is off is woken, soon again and then seldom', async t => {
  const d = await daemonIn(t)
  const own = MACS[0]
  const scoutToken = await d.scout(own)
  const [instance] = await d.run()
  await pass(d)
  t.same(d.woken, [], 'it was heard of a moment ago')
  for (const [seconds, packets] of [
    [110, 0],
    [11, 1],
    [15, 1],
    [6, 2],
    [21, 3],
    [21, 3],
    [270, 3],
    [20, 4],
    [290, 4],
    [11, 5],
  ] as const) {
    d.pass(seconds)
    await pass(d)
    t.equal(d.woken.length, packets, `${seconds} s later`)
  }
  t.same(new Set(d.woken.flat()), new Set([own]))
  t.match(await told(d), Array(5).fill(`magic packet to ${own}`))

  await d.orderToken(scoutToken)
  t.match(await d.store.instance(instance?.id as InstanceId), {
    phase: 'starting',
    tries: 0,
    nextTry: undefined,
  })
  d.pass(400)
  await pass(d)
  t.equal(d.woken.length, 5, 'it came')
  await d.close()
})

t.test('who is heard of is not woken', async t => {
  const d = await daemonIn(t)
  await d.scout(MACS[0])
  const [instance] = await d.run()
  for (let minute = 0; minute < 5; minute++) {
    d.pass(60)
    await d.store.transaction(tx => tx.touch(instance?.machine ?? ('' as never), d.now()))
    await pass(d)
  }
  t.same(d.woken, [])
  await d.close()
})

t.test('a retry wakes it, too, and a daemon that was killed does not begin anew', async t => {
  const d = await daemonIn(t)
  const { id } = await d.reach('failed')
  d.pass(600)
  await d.instances.retry({ instances: [id] })
  await pass(d)
  t.equal(d.woken.length, 1)
  const silent = () => Promise.reject(new Error('killed'))
  d.pass(21)
  await wakeReserved({ commits: d.commits, wake: silent }, id)
  t.match(await told(d), [/^magic packet/, 'not woken: killed'])
  const { store, commits, rules, now, wake, converger } = d
  const rebootNode = async () => undefined
  const second = createReconciler({
    ...{ store, commits, rules, now, wake, converger },
    ...{ rebootNode, log: quiet },
  })
  await second.pass()
  await second.settled()
  t.equal(d.woken.length, 1, 'it was counted before it was sent')
  t.match(await store.instance(id), { tries: 2 })
  await d.close()
})

t.test('by hand', async t => {
  const d = await daemonIn(t)
  for (const own of MACS.slice(0, 2)) await d.scout(own)
  const [one, other] = await d.inventory.list()
  t.match(await d.inventory.wake([one?.name ?? '', 'elm']), { refused: 'not-found', why: /elm/ })
  t.same(d.woken, [], 'all or none')
  const woken = await d.inventory.wake([one?.name ?? '', one?.id ?? '', other?.name ?? ''])
  t.match(woken, [{ id: one?.id }, { id: other?.id }])
  t.same(d.woken, [one?.macs, other?.macs])
  t.equal((await told(d)).length, 2)
  await d.close()
})

t.test('machines that nobody wants are switched off', async t => {
  const d = await daemonIn(t, { powerOffFreeAfter: 600 })
  const [free = '', taken = ''] = [await d.scout(MACS[0]), await d.scout(MACS[1])]
  const wanted = (await d.inventory.find(MACS[1]))?.name ?? ''
  const minute = async () => {
    d.pass(60)
    const orders = [(await d.poll(free))?.kind, (await d.poll(taken))?.kind]
    await d.inventory.flush()
    await pass(d)
    return orders
  }
  await pass(d)
  for (let n = 0; n < 9; n++) t.same(await minute(), [undefined, undefined])
  await d.instances.reserve({ user: 'demo', systems: [wanted] })
  await minute()
  await minute()
  t.same(await minute(), ['power-off', undefined], 'not the one that is held')
  await d.close()
})

t.test('only where the owner says so', async t => {
  const d = await daemonIn(t)
  const free = await d.scout(MACS[0])
  for (let n = 0; n < 30; n++) {
    d.pass(60)
    t.equal(await d.poll(free), undefined)
    await d.inventory.flush()
    await pass(d)
  }
  await d.close()
})

t.test('a machine that was away meanwhile waits from the start', async t => {
  const d = await daemonIn(t, { powerOffFreeAfter: 600 })
  const token = await d.scout(MACS[0])
  await pass(d)
  for (const seconds of [300, 200, 60]) {
    d.pass(seconds)
    await pass(d) // silent: it counts as off
  }
  for (let n = 0; n < 9; n++) {
    d.pass(60)
    t.equal(await d.poll(token), undefined)
    await d.inventory.flush()
    await pass(d)
  }
  await d.close()
})
