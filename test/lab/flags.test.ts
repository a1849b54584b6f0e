import t from 'tap'
import { parseMachine } from './lib/flags.js'

const GIB = 2 ** 30

for (const [text, want] of [
  ['bios', { firmware: 'bios-ipxe-rom' }],
  ['e1000,cores=4,memory=768M', { firmware: 'bios-e1000-chained', cores: 4, memoryMiB: 768 }],
  ['uefi-edk2,nics=2,memory=2G', { firmware: 'uefi-edk2', nicCount: 2, memoryMiB: 2048 }],
  [
    'uefi,disk=8,disk=4G:nvme:boot',
    {
      firmware: 'uefi-edk2',
      disks: [
        { size: 8 * GIB, bootable: false },
        { size: 4 * GIB, bus: 'nvme', bootable: true },
      ],
    },
  ],
] as const)
  t.test(text, async t => t.same(parseMachine(text), want))

for (const [text, why] of [
  ['amiga', /no firmware called amiga/],
  ['bios,cores=0', /0 is no number/],
  ['bios,memory=lots', /lots is no size/],
  ['bios,disk=8G:scsi', /not scsi/],
  ['bios,colour=red', /not colour/],
] as const)
  t.test(`${text} is refused`, async t => t.throws(() => parseMachine(text), { message: why }))
