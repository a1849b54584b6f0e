import { EventEmitter, once } from 'node:events'
import t from 'tap'
import { startReconciler } from '../../src/control/reconciler.js'
import { quiet } from './example.js'
import { daemonIn } from './life.js'

t.test('it wakes by itself', async t => {
  for (const [name, ahead, nudge] of [
    ['when something is due', 0.2, false],
    ['when something changed', 200, true],
  ] as const)
    t.test(name, async t => {
      const d = await daemonIn(t)
      const { id } = await d.reach('starting')
      d.pass(5 * 60 - ahead)
      const ends = new EventEmitter()
      const failed = once(ends, 'failed', { signal: AbortSignal.timeout(30_000) })
      const unsubscribe = d.commits.onChange(async () => {
        if ((await d.phaseOf(id)) === 'failed') ends.emit('failed')
      })
      const reconciler = startReconciler({
        ...{
          store: d.store,
          commits: d.commits,
          rules: d.rules,
          now: d.now,
          converger: d.converger,
          log: quiet,
        },
        rebootNode: async () => undefined,
        wake: d.wake,
      })
      t.equal(await d.phaseOf(id), 'starting')
      d.pass(ahead + 1)
      if (nudge) await d.instances.tag([id], { a: 'b' })
      await failed
      unsubscribe()
      await reconciler.close()
      await d.close()
    })
})

t.test('it is closed in the middle of a reboot', async t => {
  const d = await daemonIn(t)
  const { id } = await d.reach('shutting-down')
  const begun = new EventEmitter()
  const reconciler = startReconciler({
    ...{ store: d.store, commits: d.commits, rules: d.rules, now: d.now, converger: d.converger, log: quiet },
    wake: d.wake,
    rebootNode: async (_, end) => {
      begun.emit('reboot')
      await once(end, 'abort')
      throw new Error('cut short')
    },
  })
  await once(begun, 'reboot', { signal: AbortSignal.timeout(30_000) })
  await reconciler.close()
  t.match(await d.store.findInstance(id), { phase: 'shutting-down', tries: 1 }, 'the try counts')
  t.equal((await d.store.findInstance(id))?.reason, undefined)
  await d.close()
})

t.test('what cannot be done is logged, and tried again later', async t => {
  const d = await daemonIn(t)
  await d.reach('starting')
  const faults = new EventEmitter()
  const log = { ...quiet, error: (...what: unknown[]) => faults.emit('fault', what) }
  const reconciler = startReconciler({
    ...{
      commits: d.commits,
      converger: d.converger,
      rules: d.rules,
      now: d.now,
      log: log as unknown as typeof quiet,
    },
    store: { ...d.store, dueInstances: async () => Promise.reject(new Error('no space left')) },
    rebootNode: async () => undefined,
    wake: d.wake,
  })
  const [[told]] = await once(faults, 'fault', { signal: AbortSignal.timeout(30_000) })
  t.match(told, { err: { message: 'no space left' } })
  await reconciler.close()
  await d.close()
})
