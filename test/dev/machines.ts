import type { z } from 'zod'
import type { factsSchema } from '../../src/core/facts.js'
import type { MachineEvent } from '../../src/core/machine.js'

const GB = 1e9
const GiB = 2 ** 30

/** A machine of the room that npm run dev pretends: what it is, and what its owner does once it is known. */
export type Pretended = {
  mac: string
  uuid: string
  vendor: string
  product: string
  serial: string
  firmware: 'bios' | 'uefi'
  cores: number
  memory: number // bytes
  disks: readonly { name: string; size: number; rotational: boolean; transport: string }[]
  group?: string
  owner?: MachineEvent
  /** False for one that never gets as far as the scout. */
  reports: boolean
  /** True for one that has a disk more from its second boot on, so that a change of facts can be seen. */
  grows?: boolean
}

const ssd = (name: string, size: number) => ({ name, size, rotational: false, transport: 'sata' })
const nvme = (name: string, size: number) => ({ name, size, rotational: false, transport: 'nvme' })
const hdd = (name: string, size: number) => ({ name, size, rotational: true, transport: 'sata' })

/** Every state has one: four are free, one is stuck before the scout, one keeps its disk, one is protected. */
export const ROOM: readonly Pretended[] = [
  {
    mac: '18:66:da:4e:01:10',
    uuid: '4c4c4544-004a-5110-8032-b4c04f4b3232',
    vendor: 'Dell Inc.',
    product: 'PowerEdge R630',
    serial: '4JQ2K22',
    firmware: 'uefi',
    cores: 16,
    memory: 64 * GiB,
    disks: [ssd('sda', 480 * GB), ssd('sdb', 480 * GB)],
    group: 'rack',
    reports: true,
    grows: true,
  },
  {
    mac: 'd8:bb:c1:02:77:31',
    uuid: '2f6c8a10-7d1f-11ec-9a02-d8bbc1027731',
    vendor: 'Micro-Star International Co., Ltd.',
    product: 'MS-7C56',
    serial: 'To be filled by O.E.M.',
    firmware: 'uefi',
    cores: 12,
    memory: 32 * GiB,
    disks: [nvme('nvme0n1', 1000 * GB), hdd('sda', 4000 * GB)],
    reports: true,
  },
  {
    mac: '94:c6:91:1e:40:07',
    uuid: 'a3c1f0de-6b7d-11ea-8d71-94c6911e4007',
    vendor: 'Intel(R) Client Systems',
    product: 'NUC8i3BEH',
    serial: 'G6BE01200AB7',
    firmware: 'uefi',
    cores: 2,
    memory: 16 * GiB,
    disks: [nvme('nvme0n1', 250 * GB)],
    group: 'pool',
    reports: true,
  },
  {
    mac: '94:c6:91:1e:40:08',
    uuid: 'a3c1f0de-6b7d-11ea-8d71-94c6911e4008',
    vendor: 'Intel(R) Client Systems',
    product: 'NUC8i3BEH',
    serial: 'G6BE01200AC2',
    firmware: 'uefi',
    cores: 2,
    memory: 16 * GiB,
    disks: [nvme('nvme0n1', 250 * GB)],
    group: 'pool',
    reports: true,
  },
  {
    mac: '00:21:cc:5f:aa:02',
    uuid: '00020003-0004-0005-0006-000700080009',
    vendor: 'LENOVO',
    product: '4180PR1',
    serial: 'R9C0FFE',
    firmware: 'bios',
    cores: 2,
    memory: 8 * GiB,
    disks: [ssd('sda', 240 * GB)],
    group: 'laptops',
    owner: 'disable-netboot',
    reports: true,
  },
  {
    mac: '0c:c4:7a:10:20:30',
    uuid: '00000000-0000-0000-0000-0cc47a102030',
    vendor: 'Supermicro',
    product: 'X10SLL-F',
    serial: '0123456789',
    firmware: 'bios',
    cores: 4,
    memory: 16 * GiB,
    disks: [hdd('sda', 2000 * GB), hdd('sdb', 2000 * GB)],
    group: 'storage',
    owner: 'protect',
    reports: true,
  },
  {
    mac: '52:54:00:aa:bb:cc',
    uuid: '7f3c1e52-90ab-4cde-8f01-525400aabbcc',
    vendor: 'QEMU',
    product: 'Standard PC (Q35 + ICH9, 2009)',
    serial: '',
    firmware: 'uefi',
    cores: 1,
    memory: GiB / 4,
    disks: [],
    reports: false,
  },
]

/** What its scout posts; `grown`: with a disk more. */
export function factsOf(m: Pretended, grown: boolean): z.input<typeof factsSchema> {
  const disks = grown ? [...m.disks, hdd('sdz', 8000 * GB)] : m.disks
  return {
    bootMac: m.mac,
    firmware: m.firmware,
    cpu: {
      model: `Pretended CPU with ${m.cores} cores`,
      architecture: 'x86_64',
      sockets: 1,
      cores: m.cores,
      threads: 2 * m.cores,
      flags: ['aes', 'vmx'],
    },
    memory: { installed: m.memory, usable: Math.floor(m.memory * 0.97) },
    disks: disks.map((disk, i) => ({ ...disk, removable: false, serial: `${m.serial}-${i}` })),
    nics: [{ name: 'eno1', mac: m.mac, driver: 'igb', link: true, speed: 1000 }],
    pci: [{ slot: '0000:01:00.0', class: '020000', vendor: '8086', device: '1521', driver: 'igb' }],
    dmi: {
      system: { vendor: m.vendor, product: m.product, serial: m.serial, uuid: m.uuid },
      board: { vendor: m.vendor },
      chassis: {},
      bios: {},
    },
    bmc: m.vendor === 'Dell Inc.',
  }
}
