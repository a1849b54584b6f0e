import t from 'tap'
import { createBootScripts } from '../../src/control/bootScripts.js'
import { createInstallDocuments } from '../../src/control/installDocuments.js'
import type { Boot } from '../../src/control/inventory.js'
import type { LocalBoot, Machine, MachineId } from '../../src/core/machine.js'
import type { Profile } from '../../src/core/profile.js'
import { isRefusal } from '../../src/core/refusal.js'
import type { IpxeReport } from '../../src/core/sighting.js'
import { openTemplates } from '../../src/io/templates.js'
import { type Mac, parseMac } from '../../src/wire/mac.js'
import { golden } from '../golden.js'
import { AROUND, INSTANCE, JOB_TOKEN, PROFILE, pretendMedia } from '../support/installJobs.js'

const mac = parseMac('52:54:00:12:34:56') as Mac
const at = new Date('2026-01-02T03:04:05Z')
const report: IpxeReport = { mac, platform: 'pcbios', address: '192.168.1.50', at }

const machine = (localBoot: LocalBoot): Machine => ({
  id: 'm-0123456789ab' as MachineId,
  name: 'oak-1',
  group: 'default',
  state: 'local',
  localBoot,
  macs: [mac],
  firstSeen: at,
  lastSeen: at,
})

const templates = openTemplates()
const documents = createInstallDocuments({
  templates,
  media: pretendMedia(['debian-12-amd64-installer', 'rocky-9-amd64-installer']),
  around: async () => AROUND,
  installerArguments: 'DEBIAN_FRONTEND=text',
})
const scriptsFor = (boot: Boot, owner?: Mac, scoutArguments = '') =>
  createBootScripts({
    url: 'http://192.168.1.2:8067',
    scoutArguments,
    templates,
    inventory: { booted: async () => boot },
    documents,
    macOf: async () => owner,
  })

const installer = (some: Partial<Profile>): Boot => ({
  machine: machine('auto'),
  target: 'installer',
  job: {
    task: 'install',
    instance: INSTANCE,
    machine: machine('auto'),
    profile: { ...PROFILE, ...some },
    token: JOB_TOKEN,
  },
})
const DEBIAN = { name: 'debian-12', installer: 'preseed', kernelArguments: 'mitigations=off quiet' } as const
const ROCKY = {
  name: 'rocky-9',
  installer: 'kickstart',
  distribution: 'rocky',
  release: '9',
  mirror: 'rocky',
} as const

const scout: Boot = {
  machine: machine('auto'),
  target: 'scout',
  scoutToken: '0123456789abcdef0123456789abcdef',
}
const disk = (localBoot: LocalBoot): Boot => ({ machine: machine(localBoot), target: 'disk' })

t.test('identify', async t => golden(t, 'test/golden/identify.ipxe', scriptsFor(scout).identify.toString()))

for (const [name, boot, platform, scoutArguments] of [
  ['installer-preseed', installer(DEBIAN), 'pcbios', ''],
  ['installer-kickstart', installer(ROCKY), 'efi', ''],
  ['scout-bios', scout, 'pcbios', ''],
  ['scout-uefi', scout, 'efi', 'net.ifnames=0'],
  ['disk-auto-bios', disk('auto'), 'pcbios', ''],
  ['disk-auto-uefi', disk('auto'), 'efi', ''],
  ['disk-sanboot', disk('sanboot'), 'efi', ''],
  ['disk-exit', disk('exit'), 'pcbios', ''],
  ['disk-exit-1', disk('exit-1'), 'pcbios', ''],
] as const)
  t.test(name, async t => {
    const answer = await scriptsFor(boot, mac, scoutArguments).decide({ ...report, platform })
    if (isRefusal(answer)) return t.fail(answer.why)
    golden(t, `test/golden/${name}.ipxe`, answer.script)
  })

t.test('an address that belongs to another MAC is refused', async t => {
  const answer = await scriptsFor(scout, '02:00:00:00:00:01' as Mac).decide(report)
  t.match(answer, { refused: 'forbidden', why: /192\.168\.1\.50 belongs to 02:00:00:00:00:01/ })
})

t.test('arguments that would begin a line of their own are not rendered', async t => {
  await t.rejects(scriptsFor(scout, undefined, 'quiet\nsanboot').decide(report), /control character/)
})

t.test('an installer that was not fetched yet', async t => {
  const answer = await scriptsFor(installer({ ...DEBIAN, name: 'debian-13', release: '13' })).decide(report)
  t.match(answer, { refused: 'conflict', why: /run "muster images build debian-13"/ })
})

t.test('what would end the kernel line is not rendered', async t => {
  const bad = { ...DEBIAN, locale: 'en_US.UTF-8\nsanboot' }
  await t.rejects(scriptsFor(installer(bad)).decide(report), /control character/)
})
