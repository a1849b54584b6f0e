import t, { type Test } from 'tap'
import type { Event } from '../../src/core/events.js'
import type { InstanceView } from '../../src/core/instanceView.js'
import {
  ansible,
  inPool,
  joinRules,
  OWNER_USER,
  poolNamed,
  ROLES,
  ROOM,
  stepsOf,
  verifies,
} from './lib/cloud.js'
import { instanceOn, startForInstalls } from './lib/instances.js'
import { withLab } from './lib/lab.js'
import type { LabMachine } from './lib/machine.js'
import { runIn, until } from './lib/process.js'
import { BOUND, inScout } from './lib/steps.js'

const ANSWER = 'localhost/muster/answer'
const PATIENTLY = ['--retry', '10', '--retry-all-errors']

/** What a master's files say of its workers. Each by name: while they are written anew, others lie beside them. */
const TOLD = [
  '.ssh/known_hosts',
  ...['hosts', 'nodes.json', 'inventory.ini'].map(of => `/etc/muster/pool/${of}`),
].join(' ')

/** Three emulated machines at once on two cores. */
const POOL_MS = 2_400_000
const TURN_MS = 600_000

t.test('three machines are switched on, and are a cloud', async t => {
  await withLab('pool', async lab => {
    const { daemon, lan } = lab
    await startForInstalls(lab, [...ROLES, ...(await joinRules(lab, ROOM.rules))], ROOM.profiles)
    const big = await lab.addMachine(ROOM.machines.big)
    const small = await lab.addMachine(ROOM.machines.small)
    const middle = await lab.addMachine(ROOM.machines.middle)
    const all = [small, middle, big]
    for (const machine of all) await machine.powerOn()

    const toldOf = async (kind: string) =>
      (await daemon.api<Event[]>('GET', 'events?limit=1000'))
        .filter(event => event.kind === kind)
        .map(({ text }) => text)
    const runs = (machine: LabMachine) =>
      until(`${machine.spec.name} runs`, POOL_MS, async () => {
        const node = await instanceOn(lab, machine).catch(() => undefined)
        if (node?.state === 'failed') throw new Error(`${node.name} failed: ${node.reason}`)
        return node?.state === 'running' ? node : undefined
      })
    const nodes = await Promise.all(all.map(runs))
    const [master, ...workers] = nodes as [InstanceView, InstanceView, InstanceView]

    await t.test('the one with the fewest cores is the master', async t => {
      t.equal((await poolNamed(lab, ROOM.pool)).master, master.id)
      const told = await toldOf('pool')
      t.ok(
        told.some(text => /waiting for nodes \([12]\/3\)/.test(text)),
        'it waited for three',
      )
      t.equal(told.filter(text => text.includes('master')).length, 1, 'and elected once')
    })

    await containers(t, 'the master', master, workers)

    await t.test('the container of the check starts at each boot', async t => {
      const both = [master, workers[1]] as [InstanceView, InstanceView]
      const again = [workers[1]] as [InstanceView] // one is enough, and BIOS boots sooner
      const units =
        '.config/containers/systemd/muster-answer.container .config/systemd/user/muster-answer.service'
      const podman = (node: InstanceView) => inPool(lab, node, `podman --version; ls ${units}; true`)
      const told = await Promise.all(both.map(podman))
      t.match(told, [/ 4\.3\..*\.service\n$/s, / 5\..*\.container\n$/s], 'by Quadlet where Podman has it')
      const bootId = (node: InstanceView) =>
        lab.owner.ssh(OWNER_USER, node, 'cat /proc/sys/kernel/random/boot_id').catch(() => '')
      const before = await Promise.all(again.map(bootId))
      const done = await Promise.all(again.map(node => stepsOf(lab, node)))
      await daemon.muster('reboot-instances', ...again.map(({ id }) => id))
      await until('it has rebooted', TURN_MS, async () => {
        const after = await Promise.all(again.map(bootId))
        return after.every((id, n) => id && id !== before[n]) ? true : undefined
      })
      const ask = `curl -sS ${PATIENTLY.join(' ')} --retry-delay 3 http://127.0.0.1:8069/`
      for (const node of again) t.equal((await lab.owner.ssh(OWNER_USER, node, ask)).trim(), node.name)
      t.same(await Promise.all(again.map(node => stepsOf(lab, node))), done, 'without anybody')
    })

    await t.test('certificates are by the CA', async t => {
      for (const node of nodes) t.match(await verifies(lab, node), /OK\n.*OK\n/s, node.name)
    })

    await t.test('ansible reaches all of them', async t => {
      const said = await ansible(lab, 'all', '-m', 'ping')
      for (const { name } of nodes) t.match(said, new RegExp(`^${name} \\| SUCCESS`, 'm'))
    })

    await t.test('a second pass changes nothing', async t => {
      const before = await Promise.all(nodes.map(node => stepsOf(lab, node)))
      for (const { name } of nodes)
        t.match(
          JSON.parse(await daemon.muster('plan', name, '--output', 'json')),
          { steps: [] },
          `plan of ${name}`,
        )
      await daemon.musterWithin(TURN_MS, 'converge', ...nodes.map(({ id }) => id), '--wait')
      t.same(await Promise.all(nodes.map(node => stepsOf(lab, node))), before, 'no step was run')
      for (const { id } of nodes)
        t.match(
          (await toldOf('step')).filter(text => text.includes(id)).at(-1),
          /nothing was changed/,
          'and says so',
        )
    })

    await t.test('the master goes, and another one takes over', async t => {
      const from = small.serial().mark()
      await daemon.muster('terminate-instances', '-i', master.id)
      await inScout(lab, small, from)
      const [heir, left] = workers as [InstanceView, InstanceView]
      await until('another master', TURN_MS, async () =>
        (await poolNamed(lab, ROOM.pool)).master === heir.id ? true : undefined,
      )
      await containers(t, 'the new master', heir, [left])
      await daemon.waitFor(small.mac, 'stays free', BOUND.order, ({ free }) => free)
      const keys = await inPool(lab, left, 'cat .ssh/authorized_keys')
      t.equal(keys.trim().split('\n').length, 1, 'the key of the old master is gone')
    })

    await t.test('a worker goes, and nothing of it is left on the master', async t => {
      const [heir, left] = workers as [InstanceView, InstanceView]
      const known = () => inPool(lab, heir, `podman system connection list; cat ${TOLD}`)
      t.match(await known(), new RegExp(`${left.name}[\\s\\S]*${left.address}`))
      await daemon.muster('terminate-instances', '-i', left.id)
      const told = await until('it is forgotten', TURN_MS, async () => {
        const text = await known()
        return text.includes(left.name) ? undefined : text
      })
      t.notMatch(told, `${left.address} `)
      t.match(await daemon.instance(heir.id), { state: 'running' })
    })

    /** From the master: containers are listed and started on each worker, and answer on the LAN. */
    async function containers(t: Test, who: string, from: InstanceView, to: readonly InstanceView[]) {
      await t.test(`${who} starts containers on the workers`, async t => {
        for (const worker of to) {
          const podman = (what: string) => inPool(lab, from, `podman --connection ${worker.name} ${what}`)
          const listed = await until(`the connection to ${worker.name}`, TURN_MS, () =>
            podman('ps --format "{{.Names}}"').catch(() => undefined),
          )
          t.match(listed, /muster-answer/, `lists those of ${worker.name}`)
          const said = await podman(`run --detach --replace --name web --publish 8081:8080 ${ANSWER}`)
          const id = said.trim().split('\n').at(-1) ?? '' // what was replaced is told before
          const url = `http://${worker.address}:8081/`
          const answer = await runIn(lan.router, 'curl', ['-sS', ...PATIENTLY, url], 60_000)
          t.equal(answer.trim(), id.slice(0, 12), `a container on ${worker.name} answers with its host name`)
        }
      })
    }
  })
})
