import { MAC } from './inventory.js'

/** What a small QEMU machine posts, as JSON would carry it. */
export const FACTS = {
  bootMac: MAC as string,
  firmware: 'bios',
  cpu: {
    model: 'QEMU Virtual CPU',
    architecture: 'x86_64',
    sockets: 1,
    cores: 2,
    threads: 2,
    flags: ['fpu', 'lm'],
  },
  memory: { installed: 1 << 30, usable: 1_013_000_000 },
  disks: [{ name: 'vda', size: 8 * 2 ** 30, rotational: true, removable: false, transport: 'virtio' }],
  nics: [{ name: 'ens3', mac: MAC as string, driver: 'virtio_net', link: true }],
  pci: [{ slot: '0000:00:03.0', class: '020000', vendor: '1af4', device: '1000', driver: 'virtio-pci' }],
  dmi: {
    system: { vendor: 'QEMU', product: 'Standard PC' },
    board: {},
    chassis: { vendor: 'QEMU' },
    bios: {},
  },
  bmc: false,
}
