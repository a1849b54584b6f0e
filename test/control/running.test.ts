import t from 'tap'
import type { RunRequest } from '../../src/core/instanceView.js'
import { summaryOf } from '../../src/core/summary.js'
import { facts, granted, mac, report } from './example.js'
import { addressOf, daemonIn, MACS, peerOf } from './life.js'

const [M1, M2, M3, M4] = MACS

const base64 = (text: string) => Buffer.from(text).toString('base64')

t.test('who may run what', async t => {
  const d = await daemonIn(t)
  for (const own of MACS) await d.scout(own)
  granted(await d.inventory.apply('node-000104', 'protect'))
  granted(await d.inventory.change('node-000103', { group: 'lab', profile: 'debian-12-image' }))
  for (const [name, request, want] of [
    [
      'more than are free',
      { count: 4 },
      { refused: 'conflict', why: 'not enough resources: asked 4, free 3 (1 protected)' },
    ],
    ['a profile that is not there', { profile: 'plan9' }, { refused: 'not-found', why: /describe-profiles/ }],
    [
      'a medium that was not built',
      { profile: 'no-medium' },
      { refused: 'conflict', why: /run "muster images build no-medium"/ },
    ],
    [
      'a disk that no machine has',
      { profile: 'large-disk' },
      { refused: 'conflict', why: /^not enough resources: asked 1, free 0 \(1 protected, 3 / },
    ],
    [
      'a named system without such a disk',
      { profile: 'large-disk', systems: ['node-000101'] },
      { why: /node-000101 cannot carry it: no suitable disk: sda has/ },
    ],
    ['a protected system', { systems: ['node-000104'] }, { refused: 'conflict', why: /is protected/ }],
    ['a system twice', { systems: ['node-000101', M1] }, { instances: [{ system: 'node-000101' }] }],
    ['its own profile, where there is none', { profile: undefined, group: 'default' }, { why: /not enough/ }],
    [
      'its own profile',
      { profile: undefined, group: 'lab' },
      { instances: [{ profile: 'debian-12-image' }] },
    ],
    ['a filter that is none', { filter: ['kores>=4'] }, { refused: 'invalid', why: /kores/ }],
    ['a filter that nothing matches', { filter: ['cores>=64'] }, { why: /not matching the filter/ }],
    ['no preference', { prefer: 'luck' }, { refused: 'invalid', why: /cannot prefer/ }],
    ['no name', { name: 'Web Server' }, { refused: 'invalid', why: /cannot be a name/ }],
    ['a name that is an id', { name: 'i-0123456789ab' }, { refused: 'invalid', why: /looks like an id/ }],
    ['no user', { user: 'two words' }, { refused: 'invalid', why: /one word/ }],
    ['no tag', { tags: { 'two words': '' } }, { refused: 'invalid', why: /cannot be tagged/ }],
    ['too much user data', { userData: Buffer.alloc(16_385).toString('base64') }, { why: /16 KiB/ }],
    ['a script', { userData: base64('#!/bin/sh\ntrue\n') }, { instances: [{}] }],
    ['a #cloud-config', { userData: base64('#cloud-config\npackages: [vim]\n') }, { instances: [{}] }],
    ['several in one', { userData: base64('Content-Type: multipart/mixed; b') }, { instances: [{}] }],
    [
      'user data that nothing would run',
      { userData: base64('packages: [vim]\n') },
      { refused: 'invalid', why: /neither a #cloud-config nor a script/ },
    ],
    ['empty user data', { userData: '' }, { refused: 'invalid', why: /neither/ }],
  ] as const)
    await t.test(name, async t => {
      const wish: RunRequest = { user: 'demo', profile: 'debian-12-image', dryRun: true }
      t.match(await d.instances.run(defined({ ...wish, ...request })), want)
    })
  t.same(granted(await d.instances.list({})), [], 'a dry run, or a refused one, leaves nothing')
  t.equal((await d.inventory.list()).filter(machine => summaryOf(machine).free).length, 3)
  await d.close()
})

const defined = (request: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined)) as RunRequest

t.test('without a key nobody could log in', async t => {
  const d = await daemonIn(t, { ownerKeys: [] })
  await d.scout(M1)
  t.match(await d.instances.run({ user: 'demo', profile: 'debian-12-image' }), {
    ...{ refused: 'conflict', why: /put your public SSH key into \/etc\/muster\/authorized_keys/ },
  })
  await d.close()
})

t.test('names', async t => {
  const d = await daemonIn(t)
  for (const own of MACS) await d.scout(own)
  const names = async (request: Partial<RunRequest>) => (await d.run(request)).map(({ name }) => name)
  t.same(await names({ name: 'web', count: 2 }), ['web-1', 'web-2'])
  t.same(await names({ name: 'node-000104', systems: [M3] }), ['node-000104'])
  t.match(await d.instances.run({ user: 'demo', profile: 'debian-12-image', name: 'web-1' }), {
    ...{ refused: 'conflict', why: /i-.* is called web-1 already/ },
  })
  t.same(await names({}), ['node-000104-2'], "another one has its machine's name")
  await d.close()
})

t.test('the same client token', async t => {
  const d = await daemonIn(t)
  for (const own of MACS) await d.scout(own)
  const request = { user: 'demo', profile: 'debian-12-image', clientToken: 'once' }
  const first = granted(await d.instances.run(request))
  t.same(granted(await d.instances.run({ ...request, count: 3 })), first)
  t.not(
    granted(await d.instances.run({ ...request, user: 'other' })).id,
    first.id,
    "another user's is another",
  )
  t.equal(granted(await d.instances.list({})).length, 2)
  await d.close()
})

t.test('those that sit in the scout go first', async t => {
  const d = await daemonIn(t)
  await d.scout(M1)
  d.pass(180)
  await d.scout(M2)
  t.match(await d.run(), [{ system: 'node-000102' }])
  t.match(await d.run(), [{ system: 'node-000101' }], 'then those that are off')
  await d.close()
})

t.test('reservations', async t => {
  const d = await daemonIn(t)
  for (const own of MACS) await d.scout(own)
  const reserved = granted(await d.instances.reserve({ user: 'demo', count: 2 }))
  t.match(reserved, {
    user: 'demo',
    instances: [],
    systems: [{ name: 'node-000101' }, { name: 'node-000102' }],
  })
  const summary = async (name: string) => {
    const machine = await d.inventory.find(name)
    return machine && summaryOf(machine)
  }
  t.match(await summary('node-000101'), { reservedFor: 'demo', free: false, tags: {} })
  t.match(await d.instances.run({ user: 'other', profile: 'debian-12-image', count: 3 }), {
    ...{ why: 'not enough resources: asked 3, free 2 (2 reserved by others)' },
  })
  t.match(await d.run(), [{ system: 'node-000101' }], 'what one has reserved goes first')
  t.match(granted(await d.instances.list({ user: 'demo' })), [
    { id: reserved.id, instances: [], systems: [{ name: 'node-000102' }] },
    { instances: [{ system: 'node-000101' }], systems: [{ name: 'node-000101' }] },
  ])
  for (const [name, chosen, want] of [
    ['nothing', {}, { refused: 'invalid' }],
    ['one that carries an instance', { systems: ['node-000101'] }, { why: /terminate-instances frees it/ }],
    ['one that nobody holds', { systems: ['node-000104'] }, { why: 'node-000104 is not reserved' }],
    ["another's", { systems: ['node-000102'], user: 'other' }, { why: /not reserved for other/ }],
    ['nobody knows it', { systems: ['oak'] }, { refused: 'not-found' }],
    ["all of the user's", { user: 'demo' }, [{ id: reserved.id, systems: [{ name: 'node-000102' }] }]],
    ['again', { user: 'demo' }, []],
  ] as const)
    t.match(await d.instances.release(chosen), want, name)
  t.match(await summary('node-000102'), { free: true, reservedFor: undefined })
  await d.close()
})

t.test('terminate', async t => {
  t.test('what was never told its machine is free at once', async t => {
    const d = await daemonIn(t)
    const { id } = await d.reach('reserved')
    t.match(await d.instances.terminate({ instances: [id] }), [{ state: 'terminated' }])
    t.equal((await d.run()).length, 1)
    t.match(await d.instances.terminate({ instances: [id] }), [{ state: 'terminated' }], 'twice is once')
    await d.close()
  })

  t.test('in the middle of an install', async t => {
    const d = await daemonIn(t)
    const { id, token, scoutToken } = await d.reach('installing')
    t.match(await d.instances.terminate({ instances: [id], wipe: 'full' }), [{ state: 'shutting-down' }])
    t.match(await d.jobs.report(token, { stage: 'progress', percent: 50 }, peerOf(M1)), {
      refused: 'forbidden',
    })
    t.match(await d.jobs.phoneHome('f'.repeat(32), d.home, peerOf(M1)), { refused: 'forbidden' })
    t.match(await d.poll(scoutToken), { kind: 'wipe', mode: 'full' }, 'the disk had been begun')
    await d.close()
  })

  t.test('no wipe was asked for', async t => {
    const d = await daemonIn(t)
    const { id } = await d.reach('running')
    granted(await d.instances.terminate({ instances: [id] }))
    const scoutToken = await d.scout(M1)
    t.equal(await d.phaseOf(id), 'shutting-down', 'a machine that netboots may still be another one')
    t.equal(await d.poll(scoutToken), undefined)
    t.equal(await d.phaseOf(id), 'terminated')
    await d.close()
  })

  t.test('a wipe that fails is tried again, until it is enough', async t => {
    const d = await daemonIn(t)
    const { id } = await d.reach('shutting-down')
    const scoutToken = await d.scout(M1)
    const first = await d.orderToken(scoutToken)
    const same = await d.orderToken(scoutToken)
    t.match(await d.instances.find(id), { attempts: 1 }, 'the answer was lost')
    t.match(await d.jobs.report(first, { stage: 'wiped' }, peerOf(M1)), { refused: 'forbidden' })
    granted(await d.jobs.report(same, { stage: 'failed', reason: 'I/O\nerror' }, peerOf(M1)))
    t.match(await d.instances.find(id), { state: 'shutting-down', reason: 'the wipe failed: I/O error' })
    for (const _ of [2, 3]) {
      const token = await d.orderToken(scoutToken)
      granted(await d.jobs.report(token, { stage: 'failed', reason: 'I/O error' }, peerOf(M1)))
    }
    t.equal(await d.poll(scoutToken), undefined)
    t.match(await d.instances.find(id), { reason: /not wiped in 3 attempts/ })
    granted(await d.instances.terminate({ instances: [id], wipe: 'none' }))
    t.equal(await d.poll(scoutToken), undefined)
    t.equal(await d.phaseOf(id), 'terminated')
    await d.close()
  })

  t.test('a wipe whose answer was lost', async t => {
    const d = await daemonIn(t)
    const { id } = await d.reach('shutting-down')
    const token = await d.orderToken(await d.scout(M1))
    granted(await d.jobs.report(token, { stage: 'wiped' }, peerOf(M1)))
    t.match(await d.jobs.report(token, { stage: 'wiped' }, peerOf(M1)), { phase: 'terminated', id })
    granted(await d.instances.run({ user: 'other', profile: 'debian-12-image' }))
    t.match(await d.jobs.report(token, { stage: 'wiped' }, peerOf(M1)), { id }, 'that is not the next one’s')
    await d.close()
  })

  t.test('a node that cannot be reached', async t => {
    const d = await daemonIn(t, { reboots: async () => Promise.reject(new Error('no route')) })
    const { id } = await d.reach('shutting-down')
    for (const pause of [0, 30, 60, 120, 300, 600]) {
      d.pass(pause + 1)
      await d.reconciler.pass()
      await d.reconciler.settled()
    }
    t.equal(d.rebooted.length, 5, 'tried some times, and no more')
    t.match(await d.instances.find(id), {
      state: 'shutting-down',
      reason: /cannot be rebooted over SSH \(no route\)/,
    })
    await d.close()
  })

  t.test('a node that cannot be reached yet', async t => {
    let fault: Error | undefined = new Error('no route')
    const d = await daemonIn(t, { reboots: async () => (fault ? Promise.reject(fault) : undefined) })
    const { id } = await d.reach('shutting-down')
    const again = async () => {
      await d.reconciler.pass()
      await d.reconciler.settled()
      return d.instances.find(id)
    }
    t.match(await again(), { reason: /^cannot be rebooted over SSH \(no route\), try 1 of 5: .*off and on/ })
    fault = undefined
    d.pass(31)
    t.equal((await again())?.reason, undefined, 'it was rebooted, and is on its way')
    await d.close()
  })

  t.test('one that never phoned home', async t => {
    const d = await daemonIn(t)
    const { id } = await d.reach('installed')
    const reason = 'it never phoned home, so it cannot be rebooted over SSH: switch it off and on'
    t.match(await d.instances.terminate({ instances: [id] }), [{ state: 'shutting-down', reason }])
    await d.reconciler.pass()
    t.match(
      await d.instances.terminate({ instances: [id], wipe: 'quick' }),
      [{ reason }],
      'nor is it there now',
    )
    granted(await d.instances.terminate({ instances: [id], wipe: 'none' }))
    t.equal(await d.poll(await d.scout(M1)), undefined)
    t.match(await d.instances.find(id), { state: 'terminated', reason: undefined })
    await d.close()
  })

  t.test('one that was started without a reboot', async t => {
    const d = await daemonIn(t)
    const { id, token, scoutToken } = await d.reach('installing')
    const { phoneToken } = granted(await d.jobs.finish(token, peerOf(M1)))
    granted(await d.jobs.report(token, { stage: 'installed' }, peerOf(M1)))
    granted(await d.jobs.phoneHome(phoneToken, d.home, peerOf(M1))) // by kexec: nobody asked what to boot
    t.equal(await d.inventory.scoutOf(scoutToken), undefined, 'its scout is gone')
    granted(await d.instances.terminate({ instances: [id] }))
    await d.reconciler.pass()
    await d.reconciler.settled()
    t.same(d.rebooted, [addressOf(M1)])
    await d.close()
  })

  t.test('one that is back needs no reboot', async t => {
    const d = await daemonIn(t)
    await d.reach('shutting-down')
    await d.scout(M1)
    await d.reconciler.pass()
    await d.reconciler.settled()
    t.same(d.rebooted, [])
    await d.close()
  })

  t.test('who may not', async t => {
    const d = await daemonIn(t)
    const { id } = await d.reach('running')
    granted(await d.inventory.apply('node-000101', 'protect'))
    for (const [name, chosen, want] of [
      ['nobody', {}, { refused: 'invalid' }],
      ['an unknown one', { instances: [id, 'oak'] }, { refused: 'not-found', why: /no instance oak/ }],
      ["another's", { instances: [id], user: 'other' }, { refused: 'conflict', why: /is demo's/ }],
      ['one that is protected', { instances: [id] }, { refused: 'conflict', why: /unprotect-system first/ }],
    ] as const)
      t.match(await d.instances.terminate(chosen), want, name)
    t.equal(await d.phaseOf(id), 'running')
    t.match(await d.netboot(M1), { target: 'disk' })
    await d.close()
  })
})

t.test('retry', async t => {
  const d = await daemonIn(t)
  const { id, token, scoutToken } = await d.reach('failed')
  t.match(await d.instances.find(id), { state: 'failed', reason: 'the installer gave up: no space' })
  t.equal(await d.poll(scoutToken), undefined, 'nothing happens by itself')
  t.match(await d.instances.retry({ instances: ['node-000101'] }), [
    { id, state: 'pending', stage: 'reserved', attempts: 0, reason: undefined },
  ])
  t.match(await d.jobs.report(token, { stage: 'started' }, peerOf(M1)), { refused: 'forbidden' })
  t.match(await d.poll(scoutToken), { kind: 'install' })
  t.match(await d.instances.retry({ instances: [id] }), { refused: 'conflict', why: /only failed ones/ })
  t.same(await d.instances.retry({ user: 'demo' }), [])
  await d.close()
})

t.test('a retry of what runs its disk waits for somebody at the machine', async t => {
  const d = await daemonIn(t)
  const { id } = await d.reach('installed')
  d.pass(15 * 60 + 1)
  await d.reconciler.pass()
  t.match(await d.instances.retry({ instances: [id] }), [{ stage: 'reserved', note: /off and on/ }])
  t.match(await d.poll(await d.scout(M1)), { kind: 'install' })
  t.match(await d.instances.find(id), { stage: 'starting', note: undefined })
  await d.close()
})

t.test('reboot', async t => {
  const d = await daemonIn(t)
  const { id } = await d.reach('running')
  t.match(await d.instances.reboot({ instances: [id] }), [{ id, state: 'running' }])
  t.same(d.rebooted, [addressOf(M1)])
  t.match(await d.inventory.giveOrder('node-000101', 'reboot'), { why: /reboot-instances/ })
  granted(await d.inventory.apply('node-000101', 'protect'))
  t.match(await d.instances.reboot({ instances: [id] }), {
    refused: 'conflict',
    why: /protected: unprotect-system first/,
  })
  granted(await d.inventory.apply('node-000101', 'unprotect'))
  t.same(d.rebooted, [addressOf(M1)], 'nobody asked the protected one')
  granted(await d.instances.terminate({ instances: [id] }))
  t.match(await d.instances.reboot({ instances: [id] }), {
    refused: 'conflict',
    why: /only nodes that are up/,
  })
  await d.close()

  const far = await daemonIn(t, {
    reboots: () => Promise.reject(new Error('no route')),
  })
  await far.reach('running')
  t.match(await far.instances.reboot({ user: 'demo' }), {
    refused: 'conflict',
    why: /cannot reboot node-000101: no route/,
  })
  await far.close()
})

t.test('a machine around its instance', async t => {
  for (const [phase, event, want] of [
    ['reserved', 'protect', { refused: 'conflict', why: /is being installed \(i-.*terminate-instances/ }],
    ['installing', 'disable-netboot', { refused: 'conflict' }],
    ['shutting-down', 'protect', { refused: 'conflict', why: /is being freed/ }],
    ['running', 'protect', { state: 'protected' }],
    ['failed', 'protect', { state: 'protected' }],
    ['running', 'disable-netboot', { state: 'local' }],
    ['terminated', 'protect', { state: 'protected' }],
  ] as const)
    t.test(`${event} while ${phase}`, async t => {
      const d = await daemonIn(t)
      await d.reach(phase)
      t.match(await d.inventory.apply('node-000101', event), want)
      await d.close()
    })

  t.test('it is renamed and regrouped', async t => {
    const d = await daemonIn(t)
    const { id } = await d.reach('running')
    granted(await d.inventory.change('node-000101', { name: 'oak', group: 'lab' }))
    t.match(await d.instances.find(id), { name: 'node-000101', system: 'oak', group: 'lab' })
    await d.close()
  })

  t.test('a protected one that failed is not given to anybody', async t => {
    const d = await daemonIn(t)
    const { id } = await d.reach('failed')
    granted(await d.inventory.apply('node-000101', 'protect'))
    t.match(await d.instances.retry({ instances: [id] }), { refused: 'conflict', why: /protected/ })
    t.match(await d.netboot(M1), { target: 'disk' })
    await d.close()
  })

  t.test('a record that turns out to be it brings nothing along', async t => {
    const d = await daemonIn(t)
    const { id } = await d.reach('running')
    const fresh = mac('52:54:00:00:01:77')
    const { scoutToken = '' } = await d.inventory.booted(report(fresh, { address: '192.0.2.77' }))
    const own = await d.inventory.scoutOf(scoutToken)
    if (!own) return t.fail('no scout')
    const same = granted(
      await d.inventory.recordFacts(own, facts([fresh, M1], { serial: `S-${M1}` }), '192.0.2.77'),
    )
    t.match(same, { name: 'node-000101', instance: { id } }, 'the instance stays with its machine')
    t.match(await d.inventory.nextOrder(same.id, scoutToken), { kind: 'boot-disk' })
    await d.close()
  })

  t.test('two that were taken for one: the instance stays where it was', async t => {
    const d = await daemonIn(t)
    const chassis = { uuid: '11111111-aaaa-4bbb-8ccc-0123456789ab', serial: 'CH-77' }
    const first = facts([M1], { ...chassis, board: 'B-1001' })
    const { scoutToken = '' } = await d.inventory.booted(report(M1, { ...chassis, address: addressOf(M1) }))
    const one = await d.inventory.scoutOf(scoutToken)
    if (!one) return t.fail('no scout')
    granted(await d.inventory.recordFacts(one, first, addressOf(M1)))
    const [instance] = await d.run()
    const guess = await d.inventory.booted(report(M2, { ...chassis, address: addressOf(M2) }))
    t.match(guess, { machine: { id: one.id }, target: 'scout' })
    const { scoutToken: second = '' } = guess
    t.equal(await d.poll(second), undefined, 'its hardware is to say so first')
    granted(await d.inventory.recordFacts(one, facts([M2], { ...chassis, board: 'B-2002' }), addressOf(M2)))
    t.equal(await d.poll(second), undefined, 'the other board installs nothing')
    t.match(await d.instances.find(instance?.id ?? ''), { machine: one.id, stage: 'reserved' })
    const { scoutToken: back = '' } = await d.inventory.booted(
      report(M1, { ...chassis, boardSerial: 'B-1001', address: addressOf(M1) }),
    )
    t.match(await d.poll(back), { kind: 'install' })
    await d.close()
  })
})

t.test('profiles of systems', async t => {
  const d = await daemonIn(t)
  await d.scout(M1)
  for (const [profile, want] of [
    ['debian-12-image', { profile: 'debian-12-image' }],
    ['plan9', { refused: 'not-found', why: /describe-profiles/ }],
    ['', { profile: undefined }],
  ] as const)
    t.match(await d.inventory.change('node-000101', { profile }), want)
  t.match((await d.inventory.events({ limit: 1 }))[0], { text: 'profile: debian-12-image -> none' })
  await d.close()
})

t.test('tags', async t => {
  const d = await daemonIn(t)
  await d.scout(M4)
  const { id } = await d.reach('reserved')
  const [busy, idle] = ['node-000101', 'node-000104']
  t.match(await d.instances.tag([busy, idle], { rack: '2', role: 'x' }), { tagged: 2 })
  t.match(await d.instances.find(id), { tags: { rack: '2', role: 'x' } }, 'the instance before its system')
  t.match(await d.inventory.find(idle), { tags: { rack: '2' } })
  t.equal((await d.inventory.find(busy))?.tags, undefined)
  t.match(await d.instances.untag([busy], ['role', 'none']), { untagged: 1 })
  t.match(await d.instances.tag(['oak'], { a: 'b' }), { refused: 'not-found' })
  t.match(await d.instances.tag([id], { 'a=b': '' }), { refused: 'invalid' })
  const many = Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`k${n}`, '']))
  t.match(await d.instances.tag([id], many), { refused: 'invalid', why: 'at most 50 tags' })
  t.match(await d.instances.list({ filter: ['tag:rack=2'] }), [{ instances: [{ id }] }])
  t.same(await d.instances.list({ filter: ['tag:rack=3'] }), [])
  t.match(
    await d.instances.run({ user: 'demo', profile: 'debian-12-image', filter: ['tag:rack=2'], dryRun: true }),
    {
      ...{ instances: [{ system: idle }] },
    },
  )
  await d.close()
})

t.test('the log keeps its end', async t => {
  const d = await daemonIn(t)
  const { id, token } = await d.reach('installing')
  for (let n = 0; n < 6; n++) await d.jobs.log(token, `${`${n}`.repeat(60_000)}\n`, peerOf(M1))
  const { output: log = '' } = (await d.instances.console(id)) ?? {}
  t.ok(log.length <= 256 * 1024 && log.length > 200_000, `${log.length} characters`)
  t.match(log, /5\n$/)
  t.notMatch(log, /0/)
  t.equal(await d.instances.console('nobody'), undefined)
  await d.close()
})

t.test('what ended is remembered for an hour', async t => {
  const d = await daemonIn(t)
  const { id } = await d.reach('terminated')
  t.match(await d.instances.list({}), [{ instances: [{ id, state: 'terminated' }], systems: [] }])
  d.pass(3_601)
  t.same(await d.instances.list({}), [])
  t.match(await d.instances.find(id), { state: 'terminated' }, 'by its id for longer')
  d.pass(8 * 24 * 3_600)
  await d.reconciler.pass()
  t.equal(await d.instances.find(id), undefined)
  await d.close()
})
