import t from 'tap'
import { chooseDisk, DEFAULT_DISK_RULE, diskAt } from '../../src/core/diskChoice.js'
import type { Facts } from '../../src/core/facts.js'
import type { DiskRule } from '../../src/core/profile.js'
import { isRefusal } from '../../src/core/refusal.js'
import { chance } from '../fuzz/random.js'

type Disk = Facts['disks'][number]
const disk = (name: string, GB: number, more: Partial<Disk> = {}): Disk => ({
  name,
  size: GB * 1e9,
  rotational: false,
  removable: false,
  transport: 'sata',
  byId: `/dev/disk/by-id/ata-Disk_${name}`,
  ...more,
})
const { byId: _, ...bare } = disk('sda', 100)

for (const [name, disks, rule, want] of [
  ['the smallest', [disk('sda', 500), disk('sdb', 120)], {}, '/dev/disk/by-id/ata-Disk_sdb'],
  ['the largest', [disk('sda', 120), disk('sdb', 500)], { pick: 'largest' }, '/dev/disk/by-id/ata-Disk_sdb'],
  ['8 GB are enough', [disk('sda', 8)], {}, '/dev/disk/by-id/ata-Disk_sda'],
  ['too small', [disk('sda', 7.9)], {}, 'no suitable disk: sda has 7.9 GB, less than 8 GB'],
  ['too large', [disk('sda', 900)], { maxSize: 5e11 }, 'sda has 900 GB, more than 500 GB'],
  ['none', [], {}, 'no suitable disk: none is known'],
  ['a card reader', [disk('sda', 0)], {}, 'sda has no medium'],
  ['a stick', [disk('sda', 64, { removable: true, transport: 'usb' })], {}, 'sda is removable'],
  ['a USB disk', [disk('sda', 64, { transport: 'usb' })], {}, 'sda is attached by usb'],
  [
    'a USB disk that the rule names',
    [disk('sda', 64, { transport: 'usb' }), disk('sdb', 32)],
    { transports: ['usb'] },
    '/dev/disk/by-id/ata-Disk_sda',
  ],
  [
    'a removable one that the rule allows',
    [disk('sda', 64, { removable: true })],
    { removable: true },
    '/dev/disk/by-id/ata-Disk_sda',
  ],
  ['only NVMe', [disk('sda', 64)], { transports: ['nvme'] }, 'sda is attached by sata'],
  ['by model', [disk('sda', 9), disk('sdb', 64, { model: 'Samsung SSD 860' })], { model: 'samsung' }, /sdb$/],
  ['no such model', [disk('sda', 9, { model: 'WDC' })], { model: 'samsung' }, 'sda is a WDC'],
  ['no by-id path', [bare], {}, '/dev/sda'],
  [
    'a by-id path that is no such path',
    [disk('nvme0n1', 9, { byId: '/dev/disk/by-id/../../sdb' })],
    {},
    '/dev/nvme0n1',
  ],
  ['shell syntax in it', [disk('sda', 9, { byId: '/dev/disk/by-id/ata-$(reboot)' })], {}, '/dev/sda'],
  ['of what is on the disk', [disk('sda', 9, { byId: '/dev/disk/by-id/lvm-pv-uuid-x1' })], {}, '/dev/sda'],
  [
    'shared by two',
    [
      disk('sda', 9, { byId: '/dev/disk/by-id/usb-JMicron_0' }),
      disk('sdb', 9, { byId: '/dev/disk/by-id/usb-JMicron_0' }),
    ],
    {},
    '/dev/sda',
  ],
  [
    'of an NVMe namespace',
    [disk('nvme0n1', 9, { byId: '/dev/disk/by-id/nvme-eui.0025385b71b0a3f9' })],
    {},
    /eui/,
  ],
  [
    'equal sizes, named by id',
    [disk('sdb', 9, { byId: '/dev/disk/by-id/b' }), disk('sda', 9, { byId: '/dev/disk/by-id/c' })],
    {},
    '/dev/disk/by-id/b',
  ],
  ['equal sizes, by-id first', [bare, disk('sdz', 100)], {}, /sdz$/],
  [
    'equal sizes, by name',
    [
      { ...bare, name: 'sdaa' },
      { ...bare, name: 'sdb' },
    ],
    {},
    '/dev/sdb',
  ],
  [
    'boot parts of an eMMC',
    [disk('mmcblk0boot0', 9), disk('mmcblk0', 31, { transport: 'mmc' }), disk('mmcblk0rpmb', 9)],
    {},
    /mmcblk0$/,
  ],
  [
    'what is no disk',
    ['loop0', 'sr0', 'dm-0', 'md127', 'zram0', 'nbd0'].map(name => disk(name, 99)),
    {},
    'loop0 is no disk of its own; sr0 is no disk',
  ],
  [
    'a name that leads elsewhere',
    [disk('../sda', 99), disk('sd a', 99), disk('', 99)],
    {},
    'is no disk of its own',
  ],
] as [string, Disk[], Partial<DiskRule>, string | RegExp][])
  t.test(name, async t => {
    const chosen = chooseDisk({ disks }, { ...DEFAULT_DISK_RULE, ...rule })
    t.match(isRefusal(chosen) ? chosen.why : chosen.path, want)
    t.equal(isRefusal(chosen), typeof want === 'string' && !want.startsWith('/'))
    if (!isRefusal(chosen)) t.equal(diskAt({ disks }, chosen.path)?.name, chosen.name, 'and back')
  })

t.test('the order in which disks are listed does not matter; what is chosen holds the rule', async t => {
  const seed = Number(process.env.SEED ?? 1)
  const random = chance(seed)
  for (let n = 0; n < 2000; n++) {
    const disks = Array.from({ length: random.below(6) }, (_, i) => {
      const { byId, ...rest } = disk(`sd${'abcdef'[i]}`, random.pick([0, 4, 8, 8, 120]), {
        removable: random.below(4) === 0,
        transport: random.pick(['sata', 'usb', 'nvme']),
        byId: `/dev/disk/by-id/${random.pick(['x', 'y', 'z'])}`,
      })
      return random.below(3) === 0 || !byId ? rest : { ...rest, byId }
    })
    const [one, other] = [disks, disks.toReversed()].map(disks => chooseDisk({ disks }, DEFAULT_DISK_RULE))
    if (!one || !other) throw new Error('no choice')
    if (isRefusal(one)) {
      t.ok(isRefusal(other), `seed ${seed}, run ${n}`)
      continue
    }
    const { name, removable, transport, size } = disks.find(({ name }) => name === one.name) ?? bare
    const held = !removable && transport !== 'usb' && size >= 8e9
    if (!held || JSON.stringify(one) !== JSON.stringify(other))
      t.fail(`seed ${seed}, run ${n}: ${name} of ${JSON.stringify(disks)}`)
  }
})
