import t from 'tap'
import type { Facts } from '../../src/core/facts.js'
import { bytes, factsDiff } from '../../src/core/factsDiff.js'
import type { Machine, MachineId } from '../../src/core/machine.js'
import { defaultName, whyNotGroup, whyNotLocalBoot, whyNotName } from '../../src/core/naming.js'
import { withFacts, withReport, withSighting } from '../../src/core/observed.js'
import { AT, facts, M1, M2, M3, mac, report, sighting, U1 } from '../control/example.js'

const base = facts([M1], { uuid: U1 })
const disk = { name: 'sdb', size: 2 ** 40, serial: 'D2', rotational: true, removable: false }

for (const [name, after, want] of [
  ['nothing', base, []],
  [
    'memory',
    { ...base, memory: { installed: 2 ** 34, usable: base.memory.usable } },
    ['memory.installed: 8 GiB -> 16 GiB'],
  ],
  [
    'a disk more',
    { ...base, disks: [...base.disks, disk] },
    ['disk D2 added: sdb 1 TiB', 'disk D2 rotational added: true'],
  ],
  [
    'a disk renamed',
    { ...base, disks: base.disks.map(d => ({ ...d, name: 'sdb' })) },
    ['disk D1: sda 512 GiB Disk -> sdb 512 GiB Disk'],
  ],
  ['disks in another order', { ...base, disks: [...base.disks].reverse() }, []],
  [
    'a cable',
    { ...base, nics: base.nics.map(nic => ({ ...nic, link: false })) },
    [`nic ${M1} link: up -> down`],
  ],
  ['a CPU flag', { ...base, cpu: { ...base.cpu, flags: ['sse2'] } }, ['cpu.flag vmx gone: yes']],
  [
    'a value that firmware tells now',
    { ...base, dmi: { ...base.dmi, bios: { version: '2.1' } } },
    ['dmi.bios.version added: 2.1'],
  ],
] as [string, Facts, string[]][])
  t.test(`changed facts: ${name}`, async t => t.same(factsDiff(base, after), want))

t.test('changed facts: many are counted', async t => {
  const pci = Array.from({ length: 100 }, (_, n) => ({
    slot: `s${n}`,
    class: '020000',
    vendor: '8086',
    device: '1533',
  }))
  const changes = factsDiff(base, { ...base, pci: [...base.pci, ...pci] })
  t.equal(changes.length, 13)
  t.equal(changes.at(-1), 'and 88 more')
})

for (const [count, want] of [
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1 KiB'],
  [8 * 2 ** 30, '8 GiB'],
  [500107862016, '465.8 GiB'],
] as const)
  t.test(`${count} bytes`, async t => t.equal(bytes(count), want))

for (const [name, fine] of [
  ['node-1', true],
  ['a', true],
  ['9front', true],
  ['x'.repeat(63), true],
  ['x'.repeat(64), false],
  ['Node', false],
  ['-node', false],
  ['node-', false],
  ['a.b', false],
  ['a b', false],
  ['', false],
  ['m-0123456789ab', false],
] as const)
  t.test(`name "${name.slice(0, 20)}"`, async t => {
    t.equal(whyNotName(name) === undefined, fine)
    if (!fine && !name.startsWith('m-')) t.ok(whyNotGroup(name), 'a group follows the same rule')
  })

t.test('other names', async t => {
  t.equal(defaultName(mac('52:54:00:AB:cd:ef'), 1), 'node-abcdef')
  t.equal(defaultName(mac('52:54:00:AB:cd:ef'), 3), 'node-abcdef-3')
  t.equal(whyNotLocalBoot('auto'), undefined)
  t.match(whyNotLocalBoot('floppy'), 'sanboot')
})

const bare: Machine = {
  id: 'm-000000000001' as MachineId,
  name: 'node-1',
  group: 'default',
  state: 'seen',
  localBoot: 'auto',
  macs: [M1],
  firstSeen: AT,
  lastSeen: AT,
}

t.test('what iPXE reports', async t => {
  const told = withReport(
    bare,
    report(M2, {
      manufacturer: 'To Be Filled By O.E.M.',
      product: 'Box\t\u001b[31m1',
      cores: 0,
      memsize: 512,
    }),
  )
  t.same(told.macs, [M2, M1], 'boot MAC first')
  t.equal(told.vendor, undefined, 'fillers are no values')
  t.equal(told.product, 'Box [31m1', 'control characters do not reach a terminal')
  t.equal(told.cores, undefined)
  t.equal(told.memory, 512 * 2 ** 20)
})

t.test('facts outrank what firmware says', async t => {
  const known = withFacts(bare, facts([M1, M2], { uuid: U1, serial: 'S-1001' }), '192.0.2.1', AT)
  const later = withSighting(
    withReport(known, report(M1, { cores: 1, memsize: 100, buildarch: 'i386' })),
    sighting(M1, { arch: 'i386' }),
  )
  t.match(later, { cores: 4, memory: 2 ** 33, arch: 'x86_64', serial: 'S-1001', disks: [{ name: 'sda' }] })
})

t.test('a MAC stays when its card is gone, but not for ever', async t => {
  let machine = withFacts({ ...bare, macs: [M3] }, facts([M1]), '192.0.2.1', AT)
  t.same(machine.macs, [M1, M3])
  for (let n = 0; n < 100; n++)
    machine = withReport(machine, report(mac(`52:54:00:01:00:${n.toString(16).padStart(2, '0')}`)))
  t.equal(machine.macs.length, 64)
})
