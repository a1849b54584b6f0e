import t from 'tap'
import { refuse } from '../../src/core/refusal.js'
import { SshError } from '../../src/io/ssh.js'
import { fakeNode, role, step } from '../support/fakeNode.js'
import { stateDir as makeStateDir } from '../support/stateDir.js'
import { granted } from './example.js'
import { daemonIn, LATER, MACS } from './life.js'
import { daemonOf } from './nodesOf.js'

/** The executor, with nodes that are maps of facts. */

const STEPS = [step('one'), step('two')]

t.test('one step after the other, by new facts each time, over one connection', async t => {
  const d = await daemonOf(t, [role(STEPS)])
  const [id = ''] = await d.rise([MACS[0]])
  t.match(await d.instances.find(id), { state: 'pending', stage: 'converging', deadline: undefined })
  await d.idle()
  t.same(d.node.told, ['facts', 'do one', 'facts', 'do two', 'facts', 'check'])
  t.same([d.node.connections, d.node.open], [1, 0])
  const ran = await d.instances.find(id)
  t.match(ran, { state: 'running', stage: undefined, deadline: undefined, note: undefined, role: 'master' })
  t.match(await d.instances.steps(id), [
    { step: 'base/one', reason: 'one is due', state: 'done', tries: 1, ended: /^2026/ },
    { step: 'base/two', state: 'done' },
    { step: 'check', state: 'done' },
  ])
  t.match((await d.told('step')).join('\n'), /\(node-\w+\): base\/one: one is due\n.*base\/two: two is due/)
  t.match((await d.told('instance')).at(-1), /converging -> running: .* after 2 steps/)
  t.match((await d.instances.console(id))?.output, /--- .* base\/one: one is due\n--- base\/one: done\n/)
  await d.idle()
  t.equal(d.node.connections, 1, 'nothing is looked at that is not asked for')

  t.match(granted(await d.instances.converge({ instances: [id] })), [{ state: 'running' }])
  d.node.told.length = 0
  await d.idle()
  t.same(d.node.told, ['facts', 'check'])
  t.match((await d.told('step')).at(-1), /it is as its roles want it, nothing was changed/)
  t.match(await d.instances.find(id), { state: 'running', since: ran?.since })
  await d.close()
})

t.test('a step that fails for ever', async t => {
  let broken = true
  const node = fakeNode(told =>
    told === 'do two' && broken ? { code: 3, out: 'first\nno space\n' } : undefined,
  )
  const d = await daemonOf(t, [role(STEPS)], node)
  const [id = ''] = await d.rise([MACS[0]])
  const tries = () => node.told.filter(told => told === 'do two').length
  await d.idle()
  t.equal(tries(), 1)
  t.match(await d.instances.find(id), {
    ...{ stage: 'converging', note: 'base/two failed (1 of 3): no space' },
  })
  for (const [pause, after] of [
    [1, 1],
    [1, 2],
    [3, 2],
    [1, 3],
  ] as const) {
    d.pass(pause)
    await d.idle()
    t.equal(tries(), after, `after another ${pause} s`)
  }
  t.match(await d.instances.find(id), {
    ...{ state: 'failed', reason: 'step base/two failed 3 times: no space' },
  })
  t.match((await d.instances.steps(id))?.at(-1), { state: 'failed', tries: 3, output: 'first\nno space\n' })
  t.match((await d.instances.console(id))?.output, /no space\n--- base\/two: exit code 3\n/)

  broken = false
  node.told.length = 0
  t.match(granted(await d.instances.converge({ user: 'demo' })), [{ stage: 'converging', reason: undefined }])
  await d.idle()
  t.same(node.told, ['facts', 'do two', 'facts', 'check'], 'it is not installed again')
  t.match(await d.instances.find(id), { state: 'running', reason: undefined })
  await d.close()
})

t.test('a step that changes nothing has failed', async t => {
  const d = await daemonOf(
    t,
    [role([step('one', { tries: 2 })])],
    fakeNode(told => (told === 'do one' ? {} : undefined)),
  )
  const [id = ''] = await d.rise([MACS[0]])
  for (let n = 0; n < 3; n++) {
    await d.idle()
    d.pass(60)
  }
  t.equal(d.node.told.filter(told => told === 'do one').length, 2)
  t.match(await d.instances.find(id), {
    ...{ state: 'failed', reason: 'step base/one failed 2 times: it is due all the same: one is due' },
  })
  await d.close()
})

t.test('a check that fails is tried again, and fails the node', async t => {
  let passes = false
  const d = await daemonOf(
    t,
    [role([])],
    fakeNode(told => (told === 'check' && !passes ? { code: 1, out: 'no answer' } : undefined)),
  )
  const [id = ''] = await d.rise([MACS[0]])
  await d.idle()
  t.match(await d.instances.find(id), { stage: 'converging', note: 'check failed (1 of 5): no answer' })
  passes = true
  d.pass(2)
  await d.idle()
  t.match(await d.instances.find(id), { state: 'running' })
  passes = false
  granted(await d.instances.converge({ instances: [id] }))
  for (let n = 0; n < 6; n++) {
    await d.idle()
    d.pass(60)
  }
  t.match(await d.instances.find(id), { state: 'running', reason: 'step check failed 5 times: no answer' })
  t.match((await d.told('step')).at(-1), /it is impaired: step check failed/)
  await d.close()
})

t.test('a node that cannot be reached', async t => {
  const away = new SshError('unreachable', 'cannot reach it')
  let up = false
  const d = await daemonOf(
    t,
    [role(STEPS)],
    fakeNode(told => (told === 'connect' && !up ? away : undefined)),
  )
  const [id = ''] = await d.rise([MACS[0]])
  const connections: number[] = []
  for (let n = 0; n < 70; n++) {
    await d.idle()
    connections.push(d.node.connections)
    d.pass(1)
  }
  t.same(
    [0, 1, 2, 5, 6, 13, 14, 29, 30, 61, 62].map(s => connections[s]),
    [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6].map((n, i) => (i === 0 ? 1 : n)),
  )
  t.equal((await d.told('step')).filter(text => /cannot reach it; it is tried again/.test(text)).length, 1)
  up = true
  d.pass(60)
  await d.idle()
  t.match(await d.instances.find(id), { state: 'running' })

  up = false
  granted(await d.instances.converge({ instances: [id] }))
  for (let n = 0; n < 12; n++) {
    await d.idle()
    d.pass(60)
  }
  t.match(await d.instances.find(id), { state: 'running', reason: 'cannot reach it' }, 'impaired')
  up = true
  d.pass(600)
  await d.idle()
  t.match(await d.instances.find(id), { state: 'running', reason: undefined })
  t.match((await d.told('step')).slice(-2), [/it is impaired: cannot reach it/, /impaired no more/])
  await d.close()
})

t.test('a node that is not reached in time', async t => {
  const away = new SshError('unreachable', 'cannot reach it')
  const d = await daemonOf(
    t,
    [role(STEPS)],
    fakeNode(told => (told === 'connect' ? away : undefined)),
  )
  const [id = ''] = await d.rise([MACS[0]])
  for (let n = 0; n < 31; n++) {
    await d.idle()
    d.pass(60)
  }
  t.match(await d.instances.find(id), {
    ...{ state: 'failed', reason: /^it was not made a node within 30 min, the last was: cannot reach it/ },
  })
  await d.close()
})

t.test('a node with another host key fails at once', async t => {
  const stranger = new SshError('stranger', '192.0.2.11 shows another SSH host key')
  const d = await daemonOf(
    t,
    [role(STEPS)],
    fakeNode(told => (told === 'connect' ? stranger : undefined)),
  )
  const [id = ''] = await d.rise([MACS[0]])
  await d.idle()
  t.match(await d.instances.find(id), { state: 'failed', reason: /another SSH host key/ })
  t.equal(d.node.connections, 1)
  await d.close()
})

t.test('roles that are broken, and facts that are not whole', async t => {
  for (const [name, nodes, out, want] of [
    ['a role', { roles: async () => refuse('conflict', 'base.yaml:3: no such field') }, '', /base.yaml:3/],
    ['facts', {}, 'sh: not found', /did not say all about itself: no such \[secret\]$/],
  ] as const)
    t.test(name, async t => {
      const err = 'no such\u0007 $6$abcdefgh$ijklmnop\n'
      const node = fakeNode(told => (told === 'facts' && out ? { out, err } : undefined))
      const d = await daemonOf(t, [role(STEPS)], node, { nodes })
      const [id = ''] = await d.rise([MACS[0]])
      await d.idle()
      t.match(await d.instances.find(id), { stage: 'converging', note: want })
      t.same(
        node.told.filter(told => told !== 'facts'),
        [],
      )
      t.match(await d.converger.plan(id), { steps: [], problem: want })
      await d.close()
    })
})

/** A node whose step is under way until `go` is called. */
function slowNode(slow = 'do one') {
  let begun: () => void = () => undefined
  let go: () => void = () => undefined
  const begins = new Promise<void>(resolve => (begun = resolve))
  const gate = new Promise<void>(resolve => (go = resolve))
  const node = fakeNode(async told => {
    if (told !== slow) return undefined
    begun()
    await gate
    return undefined
  })
  return { node, begins, go }
}

t.test('killed in the middle of a step', async t => {
  const stateDir = makeStateDir(t)
  const { node, begins } = slowNode()
  const first = await daemonOf(t, [role(STEPS)], node, { stateDir })
  const [id = ''] = await first.rise([MACS[0]])
  await first.reconciler.pass()
  await begins
  t.match(await first.instances.find(id), { note: 'base/one: one is due' })
  await first.store.close() // as a kill would: nothing else is said

  node.facts.set('base.one', 'yes') // the node itself went on
  const d = await daemonOf(t, [role(STEPS)], fakeNode(), { stateDir, seed: 'again', at: LATER })
  d.node.facts.set('base.one', 'yes')
  await d.idle()
  t.same(d.node.told, ['facts', 'do two', 'facts', 'check'])
  t.match(await d.instances.steps(id), [
    { step: 'base/one', state: 'interrupted', tries: 1, ended: /^2026/ },
    { step: 'base/two', state: 'done', tries: 1 },
    { step: 'check' },
  ])
  t.match(await d.instances.find(id), { state: 'running' })
  await d.close()
})

t.test('what is in the middle when the daemon ends, or when the connection does, is no try', async t => {
  for (const how of ['ends', 'loses'] as const)
    t.test(how, async t => {
      const stateDir = makeStateDir(t)
      let lost = how === 'loses'
      const { node, begins } = slowNode(how === 'ends' ? 'do one' : 'never')
      const dying = fakeNode(told =>
        told === 'do one' && lost ? new SshError('unreachable', 'gone') : undefined,
      )
      const first = await daemonOf(t, [role([step('one', { tries: 1 })])], how === 'ends' ? node : dying, {
        stateDir,
      })
      const [id = ''] = await first.rise([MACS[0]])
      await first.reconciler.pass()
      if (how === 'ends') await begins
      else await first.reconciler.settled()
      lost = false
      await first.close()
      const d = await daemonOf(t, [role([step('one', { tries: 1 })])], fakeNode(), {
        stateDir,
        seed: 'again',
        at: LATER,
      })
      await d.idle()
      t.match(await d.instances.steps(id), [
        { step: 'base/one', state: 'interrupted', tries: 1 },
        { step: 'base/one', state: 'done', tries: 1 },
        { step: 'check' },
      ])
      t.match(await d.instances.find(id), { state: 'running' })
      await d.close()
    })
})

t.test('given back in the middle of a step', async t => {
  const { node, begins } = slowNode()
  const d = await daemonOf(t, [role(STEPS)], node)
  const [id = ''] = await d.rise([MACS[0]])
  await d.reconciler.pass()
  await begins
  granted(await d.instances.terminate({ instances: [id] }))
  await d.reconciler.pass()
  await d.reconciler.settled()
  t.equal(node.open, 0, 'the connection is cut')
  t.match(await d.instances.find(id), { state: 'shutting-down', reason: undefined })
  t.match(await d.instances.steps(id), [{ state: 'interrupted' }])
  t.match(await d.store.findInstance(id), { turning: false, convergeAt: undefined })
  await d.close()
})

t.test('asked for in the middle of a pass: it is looked at once more, over the same connection', async t => {
  const { node, begins, go } = slowNode('do two')
  const d = await daemonOf(t, [role(STEPS)], node)
  const [id = ''] = await d.rise([MACS[0]])
  await d.reconciler.pass()
  await begins
  granted(await d.instances.converge({ instances: [id] }))
  go()
  await d.idle()
  t.same(node.told.slice(-4), ['facts', 'check', 'facts', 'check'])
  t.equal(node.connections, 1)
  t.match(await d.instances.find(id), { state: 'running' })
  await d.close()
})

t.test('one that hangs does not keep the others; at most so many at once', async t => {
  const { node: hanging, begins, go } = slowNode()
  const others = fakeNode()
  let first: string | undefined
  const d = await daemonOf(t, [role(STEPS)], others, {
    nodes: {
      atOnce: 2,
      connect: (node, end) => {
        first ??= node.address
        return (node.address === first ? hanging : others).connect(node, end)
      },
    },
  })
  const ids = await d.rise(MACS.slice(0, 3))
  await d.reconciler.pass()
  await begins
  const states = async () =>
    Promise.all(ids.map(async id => (await d.instances.find(id))?.stage ?? 'running'))
  for (let n = 0; n < 200 && (await states()).filter(state => state === 'running').length < 2; n++) {
    await d.reconciler.pass()
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  t.same(await states(), ['converging', 'running', 'running'])
  t.ok(others.open <= 1)
  go()
  await d.idle()
  t.same(await states(), ['running', 'running', 'running'])
  await d.close()
})

t.test('what a step is given, and what is not kept of what it wrote', async t => {
  const written = `-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\nroot:$y$j9T$abcdefgh:1\n`
  const node = fakeNode((told, node) => {
    if (!told.startsWith('do one')) return undefined
    node.facts.set('base.one', 'yes')
    return { out: written }
  })
  const d = await daemonOf(t, [role([step('one', { input: { kind: 'certificate', request: 'CSR' } })])], node)
  const [id = ''] = await d.rise([MACS[0]])
  await d.idle()
  t.same(node.told[1], 'do one <certificate')
  t.equal((await d.instances.steps(id))?.[0]?.output, '[secret]\nroot:[secret]:1\n')
  t.notMatch((await d.instances.console(id))?.output, /AAAA/)
  await d.close()
})

t.test('what would be done', async t => {
  const d = await daemonOf(t, [role(STEPS)])
  t.match(await d.converger.plan('nobody'), { refused: 'not-found' })
  const [id = ''] = await d.rise([MACS[0]])
  const events = (await d.inventory.events({ limit: 1_000 })).length
  t.same(await d.converger.plan(id), {
    instance: id,
    steps: [
      { id: 'base/one', reason: 'one is due' },
      { id: 'base/two', reason: 'two is due' },
    ],
  })
  t.same(d.node.told, ['facts'])
  t.equal((await d.inventory.events({ limit: 1_000 })).length, events, 'and nothing is')
  granted(await d.instances.terminate({ instances: [id] }))
  t.match(await d.converger.plan(id), { refused: 'conflict', why: /shutting-down/ })
  await d.close()
})

t.test('who is converged', async t => {
  const d = await daemonOf(t, [role(STEPS)])
  t.same(await d.instances.converge({}), [], 'there is nobody yet')
  const [a = '', b = '', c = ''] = await d.rise(MACS.slice(0, 3))
  await d.idle()
  await d.inventory.apply('node-000102', 'protect')
  granted(await d.instances.terminate({ instances: [c] }))
  const all = [
    { id: a, skipped: undefined },
    { id: b, skipped: 'its system node-000102 is protected' },
  ]
  t.match(granted(await d.instances.converge({})), all)
  t.match(granted(await d.instances.converge({ user: 'demo' })), all)
  t.same(await d.instances.converge({ user: 'nobody' }), [])
  t.match(await d.instances.converge({ instances: [a, b] }), { refused: 'conflict', why: /protected/ })
  const told = (await d.told('instance')).filter(text => /its owner has it looked at again/.test(text))
  t.same(
    told.map(text => text.slice(0, 13)),
    ['(node-000101)', '(node-000101)'],
    'all, or with one that is refused none',
  )
  await d.close()
})

t.test('who cannot be converged', async t => {
  const d = await daemonIn(t)
  const { id } = await d.reach('running')
  t.match(await d.instances.converge({ instances: [id] }), { refused: 'conflict', why: /has no roles/ })
  t.same(await d.instances.converge({}), [])
  granted(await d.instances.terminate({ instances: [id] }))
  t.match(await d.instances.converge({ instances: [id] }), { refused: 'conflict', why: /shutting-down/ })
  t.same(await d.instances.converge({ user: 'demo' }), [])
  t.equal(await d.instances.steps('nobody'), undefined)
  await d.close()
})
