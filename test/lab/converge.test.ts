import t from 'tap'
import { ownRoles, ROLES, SHIPPED, stepsOf } from './lib/cloud.js'
import { PRESEEDED, takeDebianStandIn } from './lib/debianStandIn.js'
import { DISK, instanceOn, ownProfiles, PROFILE } from './lib/instances.js'
import { withLab } from './lib/lab.js'
import { until } from './lib/process.js'
import { BOUND, powerOnIntoScout } from './lib/steps.js'

/** A step that takes so long that it can be cut short in its middle. It counts how often it was begun. */
const slow = (name: string) => `  - id: ${name}
    when: facts.${name} != "yes"
    reason: ${name} was not done
    script: |
      echo begun >>/var/local/${name}.begun
      sync
      sleep 15
      echo yes >/var/local/${name}
`

const OWN_ROLES = {
  slow: `description: steps to be cut short
order: 70
facts: { first: cat /var/local/first, second: cat /var/local/second }
steps:
${slow('first')}${slow('second')}`,
  stubborn: `description: a step that fails until somebody comes
order: 5
facts: { mended: cat /var/local/mended }
steps:
  - id: part
    when: facts.mended != "yes"
    reason: a part is missing
    script: |
      echo "looked for the part"
      echo "the part is not there" >&2
      exit 3
`,
}

const OWN_PROFILES = {
  cut: `extends: ${PROFILE}\nroles: [${SHIPPED}, slow]\n`,
  stuck: `extends: ${PRESEEDED}\nroles: [stubborn, ${SHIPPED}]\n`,
}

const NEW_KEYS = `cd /etc/ssh && mkdir kept && mv ssh_host_*_key* kept && ssh-keygen -q -A && systemctl restart ssh &&
  cat ssh_host_ed25519_key.pub`
const OLD_KEYS = 'cd /etc/ssh && mv kept/* . && rmdir kept && systemctl restart ssh'

const STAGE_MS = 900_000

/** Debian's installer is stood in for (lib/debian/installer), as no mirror in reach carries its parts. */
t.test('the way to a node, disturbed', async t => {
  await withLab('converge', async lab => {
    const { daemon } = lab
    const mirrors = await lab.openMirrors()
    const profiles = await ownProfiles(lab, OWN_PROFILES)
    await daemon.takeMedia([PROFILE, 'cut'], profiles)
    const own = [...profiles, ...(await ownRoles(lab, OWN_ROLES))]
    const flags = [...mirrors.flags, ...lab.owner.flags, ...ROLES, ...own, ...(await takeDebianStandIn(lab))]
    await daemon.start(flags)
    const cut = await lab.addMachine({ firmware: 'uefi-edk2', disks: [DISK] })
    const stuck = await lab.addMachine({ firmware: 'bios-ipxe-rom', disks: [DISK] })
    const [one, other] = await Promise.all([cut, stuck].map(machine => powerOnIntoScout(lab, machine)))
    for (const [system, profile] of [
      [one, 'cut'],
      [other, 'stuck'],
    ] as const) {
      await daemon.muster('set-group', profile, system?.id ?? '')
      await daemon.muster('run-instances', '-i', system?.id ?? '', '-p', profile, '-u', 'demo')
    }
    const node = await instanceOn(lab, cut)
    const preseeded = await instanceOn(lab, stuck)
    const failed = (id: string) =>
      daemon.waitForInstance(id, 'fails', STAGE_MS, ({ state }) => state === 'failed')
    const running = (id: string) =>
      daemon.waitForInstance(id, 'runs', STAGE_MS, ({ state }) => state === 'running')
    const asRoot = async (id: string, user: string, command: string) =>
      (await lab.owner.ssh(user, await daemon.instance(id), `sudo sh -c '${command}'`)).trim()
    const rowsOf = async (step: string) => (await stepsOf(lab, node)).filter(row => row.step === step)
    /** It is told before the node has it, so the node is asked, too. */
    const inStep = (name: string) =>
      until(`slow/${name} is in its middle`, BOUND.running + STAGE_MS, async () => {
        const rows = await rowsOf(`slow/${name}`)
        if (!rows.some(({ state }) => state === 'running')) return undefined
        return asRoot(node.id, 'owner', `cat /var/local/${name}.begun`).catch(() => undefined)
      })

    await t.test('a step that fails for ever', async t => {
      const { reason } = await failed(preseeded.id)
      t.equal(reason, 'step stubborn/part failed 3 times: the part is not there')
      const told = await daemon.muster('describe-instance', preseeded.id, '--steps')
      t.equal(told.match(/stubborn\/part {2}failed/g)?.length, 3, 'each try is shown')
      t.match(told, /looked for the part\n +the part is not there/, 'with its transcript')
      t.match(await daemon.muster('get-console-output', preseeded.id), /looked for the part/)
      const { length } = (await daemon.events(stuck.mac)).filter(({ text }) =>
        /stubborn\/part failed/.test(text),
      )
      t.equal(length, 4, 'events: three tries, and the end')
    })

    await t.test('kill -9 of the daemon in the middle of a step', async t => {
      await inStep('first')
      await daemon.kill()
      await daemon.start(flags)
      await inStep('second')
      t.match(await rowsOf('slow/first'), [{ state: 'interrupted', tries: 1 }], 'begun once')
      t.match((await rowsOf('slow/first')).length, 1)
    })

    await t.test('a node that is switched off in the middle of a step', async t => {
      await cut.powerOff()
      await cut.powerOn()
      await running(node.id)
      t.match(await rowsOf('slow/second'), [{ state: 'interrupted' }, { state: 'done' }])
      t.equal(await asRoot(node.id, 'owner', 'cat /var/local/first.begun'), 'begun')
      const others = (await stepsOf(lab, node)).filter(({ step }) => !step.startsWith('slow/'))
      const due = others.map(({ step, reason }) => `${step}: ${reason}`)
      t.same([...new Set(due)], due, 'no other step was run twice')
      t.ok(others.every(({ state }) => state === 'done'))
    })

    await t.test('a node whose host key differs', async t => {
      const { address } = await daemon.instance(preseeded.id)
      const shown = await asRoot(preseeded.id, 'debian', NEW_KEYS)
      await daemon.muster('converge', preseeded.id)
      const { reason, hostKeys } = await failed(preseeded.id)
      t.match(reason, /host key/)
      t.same(hostKeys, preseeded.hostKeys ?? hostKeys, 'what is pinned stays')
      const key = shown.split('\n').at(-1) ?? '' // ssh-keygen's own words come first
      t.notOk(hostKeys?.some(pinned => key.includes(pinned)))
      await lab.owner.ssh(
        'debian',
        { ...(address && { address }), hostKeys: [key] },
        `sudo sh -c '${OLD_KEYS}'`,
      )
    })

    await t.test('mended by hand, and installed by a preseed: it becomes a node', async t => {
      await asRoot(preseeded.id, 'debian', 'echo yes >/var/local/mended')
      await daemon.musterWithin(STAGE_MS, 'converge', preseeded.id, '--wait')
      t.match(await daemon.instance(preseeded.id), { state: 'running', profile: 'stuck' })
      const names = (await stepsOf(lab, preseeded)).map(({ step }) => step)
      t.ok(names.includes('podman/packages'), 'packages came from the mirror')
      t.match(await asRoot(preseeded.id, 'owner', 'curl -sS http://127.0.0.1:8069/'), preseeded.name)
    })
  })
})
