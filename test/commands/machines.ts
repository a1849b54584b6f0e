/** Two machines as the API sends them: one whose facts are known, one that was only seen. */
export const rack = {
  id: 'm-0123456789ab',
  name: 'node-1',
  group: 'rack-2',
  state: 'discovered',
  localBoot: 'auto',
  macs: ['52:54:00:00:00:01', '52:54:00:00:00:02'],
  address: '192.168.1.31',
  firmware: 'uefi',
  arch: 'x86_64',
  vendor: 'Dell Inc.',
  product: 'PowerEdge R630',
  serial: '4JQ2\u001b[31mK2',
  boardSerial: '.4JQ2K2.',
  uuid: '4c4c4544-004a-5110-8032-b4c04f4b3232',
  cores: 16,
  memory: 68_719_476_736,
  disks: [
    { name: 'sda', size: 480_103_981_056 },
    { name: 'nvme0n1', size: 1_920_383_410_176 },
  ],
  firstSeen: '2025-12-24T08:00:00.000Z',
  lastSeen: '2026-01-02T11:59:48.000Z',
}

export const newcomer = {
  id: 'm-ffffffffffff',
  name: 'node-2',
  group: 'default',
  state: 'seen',
  localBoot: 'auto',
  macs: ['b8:27:eb:00:00:01'],
  cores: 4,
  memory: 8_589_934_592,
  firstSeen: '2026-01-02T09:00:00.000Z',
  lastSeen: '2026-01-02T09:00:00.000Z',
}

export const described = {
  ...rack,
  facts: {
    bootMac: '52:54:00:00:00:01',
    firmware: 'uefi',
    cpu: {
      model: 'Intel(R) Xeon(R) CPU E5-2630 v3 @ 2.40GHz',
      architecture: 'x86_64',
      sockets: 2,
      cores: 16,
      threads: 32,
      flags: ['fpu', 'vmx', 'aes'],
    },
    memory: { installed: 68_719_476_736, usable: 67_423_000_000 },
    disks: [
      {
        name: 'sda',
        size: 480_103_981_056,
        model: 'INTEL SSDSC2BB48',
        serial: 'PHWL5',
        wwn: '0x55cd2e404b6f',
        rotational: false,
        removable: false,
        transport: 'sata',
        byId: '/dev/disk/by-id/wwn-0x55cd2e404b6f',
      },
      { name: 'sdb', size: 4_004_511_744, rotational: true, removable: true, transport: 'usb' },
    ],
    nics: [
      { name: 'eno1', mac: '52:54:00:00:00:01', driver: 'tg3', link: true, speed: 1000, pci: '0000:01:00.0' },
      { name: 'eno2', mac: '52:54:00:00:00:02', driver: 'tg3', link: false },
    ],
    pci: [{ slot: '0000:01:00.0', class: '020000', vendor: '14e4', device: '165f', driver: 'tg3' }],
    dmi: {
      system: { vendor: 'Dell Inc.', product: 'PowerEdge R630', version: 'A01', serial: '4JQ2K2' },
      board: { vendor: 'Dell Inc.', product: '0CNCJW', serial: '.4JQ2K2.' },
      chassis: { vendor: 'Dell Inc.', type: '23', serial: '4JQ2K2' },
      bios: { vendor: 'Dell Inc.', version: '2.13.0', date: '05/14/2021' },
    },
    bmc: true,
  },
}
