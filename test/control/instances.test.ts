import t from 'tap'
import type { Phase } from '../../src/core/instance.js'
import { PHASES } from '../../src/core/instance.js'
import { stateDir as makeStateDir } from '../support/stateDir.js'
import { granted, mac } from './example.js'
import { addressOf, daemonIn, HOST_KEYS, LATER, MACS, peerOf } from './life.js'

const [M1, M2] = MACS

t.test('from the scout to running and back', async t => {
  const d = await daemonIn(t)
  const scoutToken = await d.scout(M1)
  const [instance] = await d.run({ name: 'web', tags: { role: 'shop' } })
  t.match(instance, {
    ...{ name: 'web', user: 'demo', profile: 'debian-12-image', state: 'pending', stage: 'reserved' },
    ...{ system: 'node-000101', group: 'default', disk: '/dev/sda', attempts: 0, tags: { role: 'shop' } },
  })
  t.match(instance?.id, /^i-[0-9a-f]{12}$/)
  if (!instance) return
  const system = await d.inventory.find(instance.system)
  t.match(system, { hold: { user: 'demo' }, instance: { id: instance.id, phase: 'reserved' } })

  const order = await d.poll(scoutToken)
  t.match(order, { id: 0, kind: 'install', token: /^[0-9a-f]{32}$/ })
  const token = order && 'token' in order ? order.token : ''
  const peer = peerOf(M1)
  t.match(await d.jobs.answers(token, peer), { task: 'install', token, profile: { name: 'debian-12-image' } })
  t.match(granted(await d.jobs.report(token, { stage: 'started' }, peer)), { phase: 'installing' })
  t.match(await d.jobs.report(token, { stage: 'progress', percent: 41.7, note: 'writing' }, peer), {
    ...{ phase: 'installing', percent: 42, note: 'writing' },
  })
  const { phoneToken } = granted(await d.jobs.finish(token, peer))
  t.match(phoneToken, /^[0-9a-f]{32}$/)
  t.equal(await d.jobs.log(token, 'one\n', peer), undefined)
  t.match(granted(await d.jobs.report(token, { stage: 'installed' }, peer)), { phase: 'installed' })

  t.match(await d.netboot(M1), { target: 'disk', scoutToken: undefined })
  t.match(granted(await d.jobs.phoneHome(phoneToken, d.home, peer)), {
    ...{ phase: 'running', address: addressOf(M1), hostName: 'web', hostKeys: HOST_KEYS },
  })
  t.equal(await d.jobs.log(phoneToken, 'two\n', peer), undefined)
  const { output = '', next = 0 } = (await d.instances.console('web')) ?? {}
  t.match(output, /^--- .* attempt 1\none\n--- .* the new system runs\ntwo\n$/)
  t.same(await d.instances.console('web', next), { output: '', next }, 'nothing new')
  t.equal(await d.jobs.log(phoneToken, 'three\n', peer), undefined)
  t.match(await d.instances.console('web', next), { output: 'three\n' }, 'only what is new')
  t.match(await d.instances.find('web'), {
    state: 'running',
    stage: undefined,
    deadline: undefined,
    note: undefined,
  })

  const [ending] = granted(await d.instances.terminate({ user: 'demo', wipe: 'quick', powerOff: true }))
  t.match(ending, { state: 'shutting-down', wipe: 'quick', powerOff: true })
  await d.reconciler.pass()
  await d.reconciler.settled()
  t.same(d.rebooted, [addressOf(M1)], 'over SSH, as it runs its disk')
  const back = await d.scout(M1)
  const wipe = await d.poll(back)
  t.match(wipe, { id: 0, kind: 'wipe', mode: 'quick' })
  const wipeToken = wipe && 'token' in wipe ? wipe.token : ''
  t.match(await d.jobs.answers(wipeToken, peer), { task: 'wipe', instance: { disk: '/dev/sda' } })
  t.match(granted(await d.jobs.report(wipeToken, { stage: 'wiped' }, peer)), { phase: 'terminated' })
  t.match(await d.poll(back), { kind: 'power-off' })
  const free = await d.inventory.find(instance.system)
  t.match(free, { state: 'discovered', hold: undefined, instance: undefined })
  t.match(await d.instances.find(instance.id), { state: 'terminated' })
  t.equal(await d.instances.find('web'), undefined, 'the name is free again')

  const told = (await d.inventory.events({ limit: 100 })).filter(event => event.kind === 'instance')
  t.same(
    told.flatMap(({ data }) => (data?.from ? `${data.from} ${data.to}` : [])),
    [
      ...['reserved starting', 'starting installing', 'installing installed', 'installed converging'],
      ...['converging running', 'running shutting-down', 'shutting-down terminated'],
    ],
  )
  for (const { text, data } of told) t.ok(data?.instance === instance.id && text.includes(instance.id), text)
  await d.close()
})

t.test('every phase outlives the daemon', async t => {
  for (const phase of PHASES)
    t.test(phase, async t => {
      const stateDir = makeStateDir(t)
      const first = await daemonIn(t, { stateDir })
      const led = await first.reach(phase)
      t.equal(await first.phaseOf(led.id), phase)
      const before = await first.instances.find(led.id)
      await first.store.close() // as a kill would: nothing else is said

      const d = await daemonIn(t, { stateDir, seed: 'again', at: LATER })
      t.same(await d.instances.find(led.id), before)
      const peer = peerOf(M1)
      const goesOn: Record<Phase, () => Promise<unknown>> = {
        reserved: async () => t.match(await d.poll(led.scoutToken), { kind: 'install' }),
        starting: async () => granted(await d.jobs.report(led.token, { stage: 'started' }, peer)),
        installing: async () => granted(await d.jobs.report(led.token, { stage: 'installed' }, peer)),
        installed: async () => granted(await d.jobs.phoneHome(led.phoneToken, d.home, peer)),
        converging: async () => t.match(await d.netboot(M1), { target: 'disk' }),
        running: async () => t.match(await d.netboot(M1), { target: 'disk' }),
        'shutting-down': async () => t.match(await d.poll(await d.scout(M1)), { kind: 'wipe' }),
        terminated: async () => t.equal((await d.run()).length, 1, 'the machine is free'),
        failed: async () => t.equal(granted(await d.instances.retry({ user: 'demo' })).length, 1),
      }
      await goesOn[phase]()
      await d.close()
    })
})

t.test('tokens that a machine repeats are not kept', async t => {
  const d = await daemonIn(t)
  const { id, token, scoutToken } = await d.reach('installing')
  const line = `linux muster.token=${scoutToken} inst.ks=http://192.0.2.1:8067/install/v1/${token}/ks.cfg`
  t.equal(await d.jobs.log(token, line, peerOf(M1)), undefined)
  granted(await d.jobs.report(token, { stage: 'progress', note: line }, peerOf(M1)))
  const before = await d.instances.find(id)
  granted(await d.jobs.report(token, { stage: 'failed', reason: line }, peerOf(M1)))
  const kept = [await d.instances.console(id), before, await d.instances.find(id)]
  const told = JSON.stringify([kept, await d.inventory.events({ limit: 100 })])
  t.match(
    told,
    /muster\.token=\[secret\] inst\.ks=http:\/\/192\.0\.2\.1:8067\/install\/v1\/\[secret\]\/ks\.cfg/,
  )
  t.notOk(told.includes(token) || told.includes(scoutToken))
  await d.close()
})

t.test('what is told twice', async t => {
  const d = await daemonIn(t)
  const peer = peerOf(M1)
  const { id, token, phoneToken } = await d.reach('running')
  const events = async () => (await d.inventory.events({ limit: 1_000 })).length
  const before = await events()
  t.match(await d.jobs.phoneHome(phoneToken, d.home, peer), { phase: 'running' })
  t.equal(await events(), before, 'the same call changes nothing')
  t.match(await d.jobs.phoneHome(phoneToken, { ...d.home, hostKeys: ['ssh-rsa other'] }, peer), {
    refused: 'forbidden',
    why: /other SSH host keys/,
  })
  t.match(await d.instances.find(id), { hostKeys: HOST_KEYS })
  t.match(await d.jobs.report(token, { stage: 'started' }, peer), { refused: 'forbidden' }, 'no second start')
  await d.close()
})

t.test('reports whose answer was lost', async t => {
  for (const [name, phase, stage] of [
    ['started', 'installing', 'started'],
    ['installed', 'installed', 'installed'],
    ['failed', 'failed', 'failed'],
  ] as const)
    t.test(name, async t => {
      const d = await daemonIn(t)
      const { id, token } = await d.reach(phase)
      const since = (await d.instances.find(id))?.since
      const told = stage === 'failed' ? { stage, reason: 'no space' } : { stage }
      t.match(await d.jobs.report(token, told, peerOf(M1)), { phase })
      t.equal((await d.instances.find(id))?.since, since, 'the stage does not begin anew')
      await d.close()
    })
})

t.test('who may not ask', async t => {
  const answers = 'answers'
  for (const [name, phase, call, why] of [
    [
      'answers once the install has begun',
      'installing',
      answers,
      /may not ask for answers while .* installing/,
    ],
    ['answers of a failed install', 'failed', answers, /while the instance is failed/],
    ['the finish script before it began', 'starting', 'finish', /while the instance is starting/],
    ['the finish script once it ended', 'installed', 'finish', /while the instance is installed/],
    ['to start after a terminate', 'shutting-down', 'started', /replaced by a newer one, or .* terminated/],
    ['to start after it failed', 'failed', 'started', /out of place: the instance is failed/],
    ['to end before it began', 'starting', 'installed', /out of place/],
    ['to have wiped what was to be installed', 'installing', 'wiped', /out of place/],
  ] as const)
    t.test(name, async t => {
      const d = await daemonIn(t)
      const { id, token } = await d.reach(phase)
      const peer = peerOf(M1)
      const answer =
        call === 'answers'
          ? await d.jobs.answers(token, peer)
          : call === 'finish'
            ? await d.jobs.finish(token, peer)
            : await d.jobs.report(token, { stage: call }, peer)
      t.match(answer, { refused: 'forbidden', why })
      t.equal(await d.phaseOf(id), phase)
      const [event] = (await d.inventory.events({ limit: 1 })).slice(-1)
      t.match(event, { kind: 'refused', data: { instance: id } })
      t.notMatch(JSON.stringify(event), token, 'no event tells a token')
      await d.close()
    })

  t.test('others', async t => {
    const d = await daemonIn(t)
    await d.scout(M2)
    const { token } = await d.reach('starting')
    for (const [name, used, peer, why] of [
      [
        'another machine',
        token,
        peerOf(M2),
        /belongs to 52:54:00:00:01:02, which is not a card of node-000101/,
      ],
      ['another address, when no MAC is known', token, { address: '192.0.2.99' }, /handed to 192.0.2.11/],
      ['nobody', 'f'.repeat(32), peerOf(M1), /no install waits for this token/],
    ] as const)
      t.match(await d.jobs.report(used, { stage: 'started' }, peer), { refused: 'forbidden', why }, name)
    const same = { address: addressOf(M1) }
    t.match(
      await d.jobs.report(token, { stage: 'started' }, same),
      { phase: 'installing' },
      'the same address',
    )
    await d.close()
  })

  t.test('too late', async t => {
    const d = await daemonIn(t)
    const { id, token } = await d.reach('starting')
    d.pass(5 * 60 + 1)
    const why = 'the time for being starting is over'
    t.match(await d.jobs.report(token, { stage: 'started' }, peerOf(M1)), { refused: 'forbidden', why })
    t.equal(await d.phaseOf(id), 'starting', 'the reconciler ends it')
    await d.close()
  })
})

t.test('hand-outs', async t => {
  t.test('a scout that asks again before it began has lost the answer', async t => {
    const d = await daemonIn(t)
    const { id, token, scoutToken } = await d.reach('starting')
    const deadline = (await d.instances.find(id))?.deadline
    const again = await d.orderToken(scoutToken)
    t.not(again, token)
    t.match(await d.instances.find(id), { attempts: 1, deadline })
    t.match(await d.jobs.answers(token, peerOf(M1)), { refused: 'forbidden' }, 'the lost token is none')
    t.match(await d.jobs.answers(again, peerOf(M1)), { token: again })
    await d.close()
  })

  t.test('power cuts, until it is enough', async t => {
    const d = await daemonIn(t)
    const { id } = await d.reach('installing')
    for (const attempts of [2, 3]) {
      const token = await d.orderToken(await d.scout(M1))
      t.match(await d.instances.find(id), { stage: 'starting', attempts })
      granted(await d.jobs.report(token, { stage: 'started' }, peerOf(M1)))
    }
    const scoutToken = await d.scout(M1)
    t.equal(await d.poll(scoutToken), undefined)
    t.match(await d.instances.find(id), { state: 'failed', reason: /started 3 times and never ended/ })
    t.match(await d.netboot(M1), { target: 'scout' }, 'it waits in the scout')
    await d.close()
  })

  t.test('the token of the boot before is none', async t => {
    const d = await daemonIn(t)
    const { token, scoutToken } = await d.reach('installing')
    const fresh = await d.orderToken(await d.scout(M1))
    t.match(await d.jobs.report(token, { stage: 'installed' }, peerOf(M1)), { refused: 'forbidden' })
    t.match(await d.jobs.report(fresh, { stage: 'started' }, peerOf(M1)), { phase: 'installing' })
    t.equal(await d.poll(scoutToken), undefined, 'nor is that scout')
    await d.close()
  })

  t.test('an installer with a kernel of its own', async t => {
    const d = await daemonIn(t)
    const scoutToken = await d.scout(M1)
    const [instance] = await d.run({ profile: 'debian-12' })
    t.match(await d.poll(scoutToken), { id: 0, kind: 'reboot' })
    t.match(await d.instances.find(instance?.id ?? ''), { stage: 'reserved' }, 'that hands out nothing')
    const boot = await d.netboot(M1)
    t.match(boot, { target: 'installer', job: { task: 'install', profile: { name: 'debian-12' } } })
    t.equal(await d.inventory.scoutOf(scoutToken), undefined, 'its scout is gone')
    const token = boot.target === 'installer' ? boot.job.token : ''
    granted(await d.jobs.report(token, { stage: 'started' }, peerOf(M1)))
    for (const attempts of [2, 3]) t.match(await d.netboot(M1), { job: { instance: { attempts } } })
    t.match(await d.netboot(M1), { target: 'scout' })
    t.match(await d.instances.find(instance?.id ?? ''), { state: 'failed' })
    await d.close()
  })

  t.test('a MAC that the hardware did not tell gets no installer', async t => {
    const d = await daemonIn(t)
    await d.scout(M1)
    const [instance] = await d.run({ profile: 'debian-12' })
    const stranger = mac('52:54:00:00:01:99')
    const told = { serial: `S-${M1}`, uuid: '11111111-aaaa-4bbb-8ccc-0123456789ab' }
    const known = await d.inventory.find(instance?.system ?? '')
    if (!known) return t.fail('no machine')
    await d.store.transaction(tx => tx.save({ ...known, uuid: told.uuid }))
    const boot = await d.inventory.booted({
      ...{ mac: stranger, ...told, platform: 'efi', address: '192.0.2.19', at: LATER },
    })
    t.match(boot, { machine: { id: known.id }, target: 'scout' }, 'taken for it by UUID and serial')
    t.equal(await d.poll(boot.scoutToken ?? ''), undefined, 'nor before its scout told the hardware')
    t.match(await d.instances.find(instance?.id ?? ''), { stage: 'reserved', attempts: 0 })
    await d.close()
  })
})

t.test('overdue', async t => {
  for (const [phase, seconds, reason, target] of [
    ['reserved', 30 * 60, /did not come for the installer within 30 min/, 'scout'],
    ['starting', 5 * 60, /did not begin within 5 min/, 'scout'],
    ['installing', 20 * 60, /did not end within 20 min/, 'scout'],
    ['installed', 15 * 60, /did not phone home within 15 min/, 'disk'],
  ] as const)
    t.test(phase, async t => {
      const d = await daemonIn(t)
      const { id, token } = await d.reach(phase)
      if (token) t.equal(await d.jobs.log(token, 'the last words\n', peerOf(M1)), undefined)
      d.pass(seconds - 10)
      await d.reconciler.pass()
      t.equal(await d.phaseOf(id), phase, 'not yet')
      d.pass(11)
      await d.reconciler.pass()
      t.match(await d.instances.find(id), { state: 'failed', reason })
      if (token) t.match(await d.instances.console(id), { output: /the last words/ })
      t.match(await d.netboot(M1), { target }, 'the installer is not handed out any more')
      await d.close()
    })

  t.test('shutting-down is waited for', async t => {
    const d = await daemonIn(t)
    const { id } = await d.reach('shutting-down')
    d.pass(30 * 60 + 1)
    await d.reconciler.pass()
    const reason = 'not back in the scout after 30 min: switch it off and on'
    t.match(await d.instances.find(id), { state: 'shutting-down', reason, deadline: undefined })
    t.match(await d.poll(await d.scout(M1)), { kind: 'wipe' }, 'it goes on when it is back')
    await d.close()
  })

  t.test('nothing in the first minute of a daemon', async t => {
    const stateDir = makeStateDir(t)
    const first = await daemonIn(t, { stateDir })
    const { id, token } = await first.reach('installing')
    await first.close()
    const late = new Date(LATER.getTime() + 3_600_000)
    const d = await daemonIn(t, { stateDir, at: late, seed: 'again' })
    await d.reconciler.pass()
    d.pass(55)
    t.match(await d.jobs.report(token, { stage: 'installed' }, peerOf(M1)), { phase: 'installed' })
    t.equal(await d.phaseOf(id), 'installed')
    await d.close()
  })
})
