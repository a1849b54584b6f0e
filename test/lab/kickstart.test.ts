import { readFile } from 'node:fs/promises'
import t from 'tap'
import { DISK, instanceOn, placeOf } from './lib/instances.js'
import { withLab } from './lib/lab.js'
import { runIn } from './lib/process.js'
import { createRockyTree } from './lib/rockyTree.js'
import { BOUND, onDisk, powerOnIntoScout } from './lib/steps.js'

/**
 * The kickstart path, from run-instances until the machine runs its disk. No mirror of Rocky is in reach: the tree and
 * Anaconda are stood in for (lib/rockyTree.ts, lib/rocky/anaconda). All else is real: the medium is fetched and
 * checked by images build, firmware and iPXE boot it, and the installer talks to the daemon and to its mirror cache.
 */
const FAULT = 'no package provides nothing-provides-this'

t.test('rocky-9 by its installer, on BIOS and UEFI', async t => {
  await withLab('kickstart', async lab => {
    const tree = await createRockyTree(lab.folder)
    const mirrors = await lab.openMirrors({ rocky: tree.folder })
    const { daemon } = lab
    const build = ['images', 'build', 'rocky-9', '--state-dir', daemon.stateDir, ...mirrors.flags]
    const built = () => runIn(lab.lan.daemon, process.execPath, ['dist/cli.js', ...build], 60_000)
    t.match(await built(), /^built rocky-9-amd64-installer .*Linux \d/)
    t.match(await built(), /^up to date: rocky-9-amd64-installer/)
    await daemon.start([...mirrors.flags, ...lab.owner.flags])
    const bios = await lab.addMachine({ firmware: 'bios-ipxe-rom', disks: [DISK] })
    const uefi = await lab.addMachine({ firmware: 'uefi-edk2', disks: [DISK] })
    const both = [bios, uefi]
    await Promise.all(both.map(machine => powerOnIntoScout(lab, machine)))
    const marks = both.map(machine => machine.serial().mark())
    await tree.fault(uefi.mac, FAULT)
    const installed = (id: string) =>
      daemon.waitForInstance(id, 'is installed', BOUND.scout + BOUND.written, i => placeOf(i) === 'installed')

    await daemon.muster('run-instances', '-n', '2', '-p', 'rocky-9', '-u', 'demo')
    const [first, second] = [await instanceOn(lab, bios), await instanceOn(lab, uefi)]

    await t.test('BIOS: installed, and it runs its disk', async t => {
      await installed(first.id)
      await onDisk(bios, marks[0])
      const said = bios.serial().text().slice(marks[0])
      t.match(said, /stand-in: %pre has run; the kickstart once more: 403/, 'handed out once')
      t.match(said, /stand-in: writes \/dev\/disk\/by-id\/virtio-DISK-1-0/, 'the disk of the instance')
      t.equal((await instanceOn(lab, bios)).disk, '/dev/disk/by-id/virtio-DISK-1-0')
      t.match(said, /stand-in: has the finish script: \d+ lines, mode 600/)
      t.match(
        said,
        /packages of the new system: baseurl=http:\/\/10\.77\.0\.2:8067\/mirror\/rocky\/\$releasever/,
      )
      t.notMatch(said, /\/install\/v1\/[0-9a-f]{32}/, 'no token on the console')
    })

    await t.test('UEFI: it fails, with the reason and the log', async t => {
      const failed = await daemon.waitForInstance(second.id, 'failed', BOUND.scout, i => i.state === 'failed')
      t.match(failed.reason, new RegExp(FAULT))
      t.match(await daemon.muster('get-console-output', second.id), /== \/tmp\/anaconda\.log.*ERR/s)
      t.equal(await uefi.written(), 0, 'bytes written to its disk')
    })

    await t.test('UEFI: it comes back into the scout, and is tried again by hand', async t => {
      await powerOnAgain()
      await tree.fault(uefi.mac)
      const from = uefi.serial().mark()
      await daemon.muster('retry-instances', '-i', second.id)
      await installed(second.id)
      await onDisk(uefi, from)
      t.equal((await instanceOn(lab, uefi)).attempts, 1, 'one hand-out since the retry')
    })

    async function powerOnAgain() {
      await uefi.powerOff()
      await powerOnIntoScout(lab, uefi)
    }

    const log = await readFile(`${lab.folder}/daemon.log`, 'utf8')
    t.notMatch(log, /\/install\/v1\/[0-9a-f]{32}/, 'no token in the log')
    const fetched = log.split('\n').filter(line => /stand-in\.img.*"msg":"fetched"/.test(line))
    t.equal(fetched.length, 1, 'the mirror cache fetched the disk once, for two machines')
  })
})
