import t from 'tap'
import { DISK, instanceOn } from './lib/instances.js'
import { type Lab, withLab } from './lib/lab.js'
import type { LabMachine } from './lib/machine.js'
import { until } from './lib/process.js'
import { BOUND, powerOnIntoScout } from './lib/steps.js'

/**
 * The real installer of Debian, as far as it comes where no mirror carries its parts (.udeb): it is booted, gets its
 * preseed, asks for permission, checks the mirror and its signature, and gives up at "Download installer components".
 */
const PROFILE = 'debian-12'

/** Its text on the serial console; the LAN's router speaks IPv6, which would be waited for. */
const INSTALLER = 'DEBIAN_FRONTEND=text console=ttyS0,115200 ipv6.disable=1'

const ANSWERS_MS = 600_000 // from the order until it asks to begin; 100 s on an idle host
const STEP_MS = 600_000 // from then until it gives up; 60 s

t.test("Debian's installer, on BIOS and on UEFI", async t => {
  await withLab('preseed', async lab => {
    const mirrors = await lab.openMirrors()
    await lab.daemon.takeMedia([PROFILE])
    await lab.daemon.start([...mirrors.flags, ...lab.owner.flags, '--installer-args', INSTALLER])
    const machines = await Promise.all(
      (['bios-ipxe-rom', 'uefi-edk2'] as const).map(firmware => lab.addMachine({ firmware, disks: [DISK] })),
    )
    await Promise.all(machines.map(machine => powerOnIntoScout(lab, machine)))
    await lab.daemon.muster('run-instances', '-n', '2', '-p', PROFILE, '-u', 'demo')
    const stories = await Promise.all(machines.map(machine => follow(lab, machine)))

    for (const { firmware, started, failed, log, serial, written, given } of stories)
      await t.test(firmware, async t => {
        t.equal(started.attempts, 1, 'it was handed out once when it was allowed to begin')
        t.match(failed.reason, /package retrieval failed/, 'the reason is the line of its log')
        t.equal(written, 0, 'no byte was written to the disk')
        if (given) t.match(given, /: scout$/, 'the machine restarts, and is not given the installer again')
        t.match(serial, /Download installer components/, 'the serial console shows where it stopped')
        for (const [what, line] of TOLD) t.match(log, line, `its log tells of ${what}`)
        t.notMatch(log, /\/install\/v1\/[0-9a-f]{32}/, 'and of no token')
      })
    for (const file of ['Release', 'Release.gpg', 'main/debian-installer/binary-amd64/Packages.xz'])
      t.ok(
        mirrors.requests().includes(`GET /debian/dists/bookworm/${file}`),
        `the mirror was asked for ${file}`,
      )
  })
})

const TOLD = [
  [
    'the preseed',
    /preseed: successfully loaded preseed file from http:\/\/10\.77\.0\.2:8067\/install\/v1\/TOKEN\/preseed\.cfg/,
  ],
  ['the reporter', /preseed: successfully ran ".*\/reporter"/],
  ['the early command', /running preseed command preseed\/early_command: muster start/],
  ['the permission', /muster: this machine may be installed/],
  ['the locale of the preseed', /Set debian-installer\/locale = 'en_US\.UTF-8'/],
  ['the mirror, through the cache', /http:\/\/10\.77\.0\.2:8067\/mirror\/debian\/dists\/bookworm\/Release/],
  ["the archive's signature", /gpgv: Good signature from "Debian Stable Release Key/],
  ['what it could not get', /\.udeb:\n.* ERROR 404/],
] as const

/** The life of one instance, from the order to what its machine gets after the failure. */
async function follow(lab: Lab, machine: LabMachine) {
  const { daemon } = lab
  const { id } = await instanceOn(lab, machine)
  const started = await daemon.waitForInstance(id, 'may write', ANSWERS_MS, i => i.stage === 'installing')
  const failed = await daemon.waitForInstance(id, 'has failed', STEP_MS, i => i.state === 'failed')
  await machine.serial().waitFor(/which muster knows; this machine restarts/, BOUND.order)
  const serial = machine.serial().text()
  const log = await daemon.muster('get-console-output', id)
  const given =
    machine.spec.firmware === 'bios-ipxe-rom' ? await scriptAfter(lab, machine, failed.since) : undefined
  return {
    firmware: machine.spec.firmware,
    started,
    failed,
    log,
    serial,
    written: await machine.written(),
    given,
  }
}

/** What it was told to boot. Of BIOS only: OVMF of 2022.11 was seen to die of a page fault at the PXE after this restart. */
async function scriptAfter({ daemon }: Lab, { mac }: LabMachine, since: string): Promise<string> {
  const script = await until(`${mac} gets a script after the failure`, BOUND.script, async () =>
    daemon.lines().find(line => line.msg === 'script' && line.mac === mac && line.time > since),
  )
  return String(script.what)
}
