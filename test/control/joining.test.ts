import { randomInt } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { JOIN_TAG } from '../../src/core/joinRule.js'
import type { Mac } from '../../src/wire/mac.js'
import { chance } from '../fuzz/random.js'
import { stateDir as makeStateDir } from '../support/stateDir.js'
import { granted } from './example.js'
import { daemonIn, MACS } from './life.js'

const [M1, M2, M3] = MACS

const rule = (name: string, more: Record<string, unknown> = {}) =>
  JSON.stringify({ name, match: [], group: 'pool', profile: 'debian-12-image', ...more })
const listOf = (...rules: string[]) => rules.map(text => `- ${text}\n`).join('')

type Daemon = Awaited<ReturnType<typeof daemonIn>>

/** A daemon with these rules. */
async function ruled(t: Test, text: string, options: Parameters<typeof daemonIn>[1] = {}) {
  const daemon = await daemonIn(t, options)
  t.teardown(daemon.close)
  writeFileSync(daemon.rulesFile, text)
  return daemon
}

/** It netboots, posts its facts and asks for orders. */
async function waitIn({ scout, poll }: Daemon, own: Mac) {
  const token = await scout(own)
  return { token, order: await poll(token) }
}

const machineOf = async ({ inventory }: Daemon, own: Mac) => {
  const found = await inventory.find(own)
  if (!found) throw new Error(`no machine ${own}`)
  return found
}
const instanceOf = async (daemon: Daemon, own: Mac) => {
  const { instance } = await machineOf(daemon, own)
  return instance && daemon.store.instance(instance.id)
}
const joinEvents = async ({ store }: Daemon) =>
  (await store.events({ limit: 1000 })).filter(({ kind }) => kind === 'join').map(({ text }) => text)

t.test('a machine that waits in the scout joins', async t => {
  const daemon = await ruled(t, listOf(rule('all', { user: 'ann' })))
  const { token, order } = await waitIn(daemon, M1)
  t.equal(order, undefined, 'nothing is to be done yet')
  await daemon.joining.pass()
  t.match(await machineOf(daemon, M1), { group: 'pool', hold: { user: 'ann' } })
  t.match(await instanceOf(daemon, M1), {
    ...{ phase: 'reserved', profile: 'debian-12-image', user: 'ann', group: 'pool' },
    tags: { [JOIN_TAG]: 'all' },
  })
  t.same(await joinEvents(daemon), ['joins pool with debian-12-image by the rule all'])
  t.match(await daemon.poll(token), { kind: 'install' })
  await daemon.joining.pass()
  t.equal((await joinEvents(daemon)).length, 1, 'once')
})

type Prepare = (daemon: Daemon) => Promise<unknown>
const cases: [string, string, Prepare, RegExp][] = [
  ['there are no rules', '', async () => {}, /^there is no rule in .*: node-\S+ waits in the scout$/],
  [
    'the file is broken',
    `${listOf(rule('all'))}- name: B\n`,
    async () => {},
    /^no rule applies, as their file is broken: .*:2: \[1\]/,
  ],
  [
    'none matches',
    listOf(rule('big', { match: ['cores>=64'] })),
    async () => {},
    /^no rule is for it: node-\S+ waits in the scout$/,
  ],
  ['the rule is disabled', listOf(rule('all', { enabled: false })), async () => {}, /^no rule is for it/],
  [
    'it is protected',
    listOf(rule('all')),
    async ({ inventory }) => granted(await inventory.apply(M1, 'protect')),
    / is protected: unprotect-system first$/,
  ],
  [
    'it boots its own disk',
    listOf(rule('all')),
    async ({ inventory }) => granted(await inventory.apply(M1, 'disable-netboot')),
    / boots its own disk/,
  ],
  [
    'it is reserved',
    listOf(rule('all')),
    async ({ instances }) => granted(await instances.reserve({ user: 'bob', systems: [M1] })),
    / is reserved for bob$/,
  ],
  [
    'it was taken by hand',
    listOf(rule('all')),
    async ({ run }) => run({ systems: [M1] }),
    / carries i-\S+, which is reserved$/,
  ],
]
for (const [name, text, prepare, why] of cases)
  t.test(`it waits: ${name}`, async t => {
    const daemon = await ruled(t, text)
    await waitIn(daemon, M1)
    await prepare(daemon)
    await daemon.joining.pass()
    t.same(await joinEvents(daemon), [])
    const explained = granted(await daemon.joining.explain(M1))
    t.match(explained, { joins: false, why })
  })

t.test('it waits while it is told to do something, or is gone', async t => {
  const daemon = await ruled(t, '')
  const { token } = await waitIn(daemon, M1)
  await waitIn(daemon, M2)
  granted(await daemon.inventory.giveOrder(M1, 'power-off'))
  writeFileSync(daemon.rulesFile, listOf(rule('all')))
  await daemon.joining.pass()
  t.equal(await instanceOf(daemon, M1), undefined, 'is to be switched off')
  t.ok(await instanceOf(daemon, M2))
  const order = await daemon.poll(token)
  await daemon.inventory.orderDone((await machineOf(daemon, M1)).id, order?.id ?? -1)
  await daemon.joining.pass()
  t.equal(await instanceOf(daemon, M1), undefined, 'is off')

  await waitIn(daemon, M3)
  daemon.pass(180)
  await daemon.joining.pass()
  t.equal(await instanceOf(daemon, M3), undefined, 'was not heard of for three minutes')
  await waitIn(daemon, M3)
  await daemon.joining.pass()
  t.ok(await instanceOf(daemon, M3))
})

t.test('a rule that is full lets the next one have it, and has room again', async t => {
  const daemon = await ruled(
    t,
    listOf(rule('first', { maximum: 1 }), rule('second', { group: 'others', maximum: 1 })),
  )
  for (const own of [M1, M2, M3]) await waitIn(daemon, own)
  await daemon.joining.pass()
  t.match(await machineOf(daemon, M1), { group: 'pool' }, 'who waits longest comes first')
  t.match(await machineOf(daemon, M2), { group: 'others' })
  t.match(granted(await daemon.joining.explain(M3)), {
    joins: false,
    rules: [
      { name: 'first', verdict: 'full', why: 'matches, but has 1 of at most 1 instances' },
      { name: 'second', verdict: 'full' },
    ],
  })
  t.match((await daemon.joining.rules()).rules, [
    { name: 'first', instances: 1 },
    { name: 'second', instances: 1 },
  ])
  const first = await instanceOf(daemon, M1)
  granted(await daemon.instances.terminate({ instances: [first?.id ?? ''] }))
  await daemon.joining.pass()
  t.match(await instanceOf(daemon, M3), { tags: { [JOIN_TAG]: 'first' } })
})

for (const [name, profile, why] of [
  ['no disk suits', 'large-disk', /cannot carry it: no suitable disk/],
  ['its image is missing', 'no-medium', /run "muster images build no-medium"/],
  ['there is no such profile', 'absent', /there is no profile absent/],
] as const)
  t.test(`a rule that cannot take it says so once: ${name}`, async t => {
    const daemon = await ruled(t, listOf(rule('all', { profile })))
    await waitIn(daemon, M1)
    for (let n = 0; n < 3; n++) await daemon.joining.pass()
    const told = await joinEvents(daemon)
    t.equal(told.length, 1)
    t.match(told[0], why)
    t.match((await machineOf(daemon, M1)).group, 'default', 'nothing is half done')
    t.match(granted(await daemon.joining.explain(M1)), { joins: false, why: /^the rule all is for it and/ })
    writeFileSync(daemon.rulesFile, listOf(rule('mended')))
    await daemon.joining.pass()
    t.match(await instanceOf(daemon, M1), { tags: { [JOIN_TAG]: 'mended' } }, 'joins as soon as it can')
  })

t.test('what the rules say is shown', async t => {
  const daemon = await ruled(t, listOf(rule('none', { profile: 'no-medium', match: ['cores>=64'] })))
  t.match(await daemon.joining.rules(), {
    ...{ file: daemon.rulesFile, problems: [] },
    rules: [{ name: 'none', match: ['cores>=64'], instances: 0, problem: /images build no-medium/ }],
  })
  writeFileSync(daemon.rulesFile, '- 1')
  t.match(await daemon.joining.rules(), { rules: [], problems: [/:1: \[0\]: must be a map/] })
  rmSync(daemon.rulesFile)
  t.match(await daemon.joining.rules(), { rules: [], problems: [] })

  writeFileSync(daemon.rulesFile, listOf(rule('all')))
  await waitIn(daemon, M1)
  const explained = granted(await daemon.joining.explain(M1))
  t.match(explained, { joins: true, why: /joins pool with debian-12-image by the rule all/ })
  t.same(await daemon.store.instances({}), [], 'explaining does nothing')
  await daemon.joining.pass()
  t.match(granted(await daemon.joining.explain(M1)), { joins: false, why: /the rule all launched it$/ })
  t.match(await daemon.joining.explain('nobody'), { refused: 'not-found' })
})

t.test('the tag that rules count by is nobody else’s', async t => {
  const { instances, run, scout } = await daemonIn(t)
  await scout(M1)
  const tags = { [JOIN_TAG]: 'all' }
  t.match(await instances.run({ user: 'ann', tags }), { refused: 'invalid', why: /set by muster itself/ })
  const [one] = await run()
  t.match(await instances.tag([one?.id ?? ''], tags), { refused: 'invalid' })
  t.match(await instances.untag([one?.id ?? ''], [JOIN_TAG]), { refused: 'invalid' })
})

t.test('a machine that was given back by hand rests until its owner lets it join', async t => {
  const daemon = await ruled(t, listOf(rule('all')))
  const { token } = await waitIn(daemon, M1)
  await daemon.joining.pass()
  const first = await instanceOf(daemon, M1)
  granted(await daemon.instances.terminate({ instances: [first?.id ?? ''] }))
  await daemon.poll(token)
  await daemon.joining.pass()
  t.equal(await instanceOf(daemon, M1), undefined)
  t.match(await machineOf(daemon, M1), { rests: true, group: 'pool' })
  t.match(granted(await daemon.joining.explain(M1)), { joins: false, why: / rests since .*allow-join/ })

  t.match(granted(await daemon.joining.allow(M1)).rests, undefined)
  granted(await daemon.joining.allow(M1))
  await daemon.joining.pass()
  t.match(await instanceOf(daemon, M1), { tags: { [JOIN_TAG]: 'all' } })
  const told = await daemon.store.events({ limit: 100 })
  t.equal(told.filter(({ text }) => text === 'may join by a rule again').length, 1, 'told once')
  t.match(await daemon.joining.allow('nobody'), { refused: 'not-found' })
})

t.test('a run may say how many nodes its pool needs', async t => {
  const { instances, scout } = await daemonIn(t)
  await scout(M1)
  const wish = { user: 'ann', profile: 'debian-12-image', minNodes: 3 }
  granted(await instances.run({ ...wish, dryRun: true }))
  t.same(await instances.pools(), [], 'a dry run changes nothing')
  granted(await instances.run(wish))
  t.match(await instances.pools(), [{ name: 'default', minNodes: 3 }])
})

t.test('two daemons that look at once share the room of a rule', async t => {
  let looking = 0
  let bothHaveLooked = () => {}
  const both = new Promise<void>(resolve => {
    bothHaveLooked = resolve
  })
  const plans = () => {
    if (++looking === 2) bothHaveLooked()
    return both
  }
  const stateDir = makeStateDir(t)
  const rules = listOf(rule('all', { maximum: 1 }))
  const one = await ruled(t, rules, { stateDir, plans, seed: 'a' })
  const two = await ruled(t, rules, { stateDir, plans, seed: 'b' })
  await waitIn(one, M1)
  await waitIn(two, M2)
  await Promise.all([one.joining.pass(), two.joining.pass()])
  t.equal((await one.store.instances({})).length, 1)
})

t.test('two daemons and those who run by hand at once', async t => {
  const seed = Number(process.env.SEED ?? randomInt(2 ** 31))
  t.comment(`SEED=${seed} repeats this`)
  const { below, pick } = chance(seed)
  const stateDir = makeStateDir(t)
  const one = await ruled(t, '', { stateDir, seed: `a${seed}` })
  const two = await ruled(t, '', { stateDir, seed: `b${seed}` })
  const scouts = await Promise.all(MACS.map(async own => ({ own, token: await one.scout(own) })))
  const over: unknown[] = []
  for (let round = 0; round < 12; round++) {
    const maximum = { first: 1 + below(2), second: 1 + below(2) }
    writeFileSync(
      one.rulesFile,
      `# ${round}\n${listOf(rule('first', { maximum: maximum.first }), rule('second', { maximum: maximum.second }))}`,
    )
    for (const { own, token } of scouts)
      if (!(await instanceOf(one, own)))
        for (const daemon of pick([[one], [two], [one, two]])) await daemon.poll(token)
    const before = await one.store.liveByTag(JOIN_TAG)
    await Promise.all([
      one.joining.pass(),
      two.joining.pass(),
      one.instances.run({ user: 'ann', profile: 'debian-12-image' }),
      two.instances.reserve({ user: 'bob' }),
      two.joining.pass(),
    ])
    const live = await one.store.liveByTag(JOIN_TAG)
    for (const name of ['first', 'second'] as const)
      if ((live.get(name) ?? 0) > Math.max(maximum[name], before.get(name) ?? 0))
        over.push({ round, name, live: live.get(name), maximum })
    granted(await one.instances.release({ user: 'bob' }))
    const all = await one.store.instances({})
    const ended = all.filter(() => below(4) > 0)
    if (ended.length > 0)
      granted(await pick([one, two]).instances.terminate({ instances: ended.map(({ id }) => id) }))
    for (const { machine } of ended) granted(await one.joining.allow(machine))
  }
  t.same(over, [], 'no rule has more than its maximum')
  t.ok((await joinEvents(one)).length > 5, 'some joined')
})
