import type { Facts } from '../core/facts.js'
import type { Description } from '../core/summary.js'
import { clientOptions, fail, hasFailed, openClient } from './client.js'
import { tagsText } from './columns.js'
import { command, EXIT } from './command.js'
import { json, outputOption } from './render.js'
import { asRecords, asSections, type Thing } from './sections.js'
import { ago, diskSize, memorySize } from './units.js'

export const describeSystem = command({
  name: 'describe-system',
  summary: 'Tell everything that is known of one system.',
  operands: { system: { required: true, describe: 'id, name or MAC address' } },
  options: { ...clientOptions, ...outputOption },
  examples: [
    ['$0 describe-system node-1', 'for people'],
    ['$0 describe-system node-1 --output json | jq .facts.disks', 'for programs'],
  ],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const [system = ''] = args.operands.system ?? []
    const answer = await client.json<Description>('GET', `/systems/${encodeURIComponent(system)}`)
    if (hasFailed(answer)) return fail(answer, context)
    if (args.output === 'json') context.out(json(answer.value))
    else {
      const things = thingsOf(answer.value, context.now)
      context.out(args.output === 'text' ? asRecords(things) : asSections(things))
    }
    return EXIT.ok
  },
})

function thingsOf(system: Description, now: Date): Thing[] {
  return [systemOf(system, now), ...(system.facts ? hardwareOf(system.facts) : [])]
}

const systemOf = (s: Description, now: Date): Thing => ({
  kind: 'SYSTEM',
  fields: [
    ['id', s.id],
    ['name', s.name],
    ['group', s.group],
    ['state', s.state],
    ['local boot', s.localBoot],
    ['MAC addresses', s.macs.join(', ')],
    ['address', s.address],
    ['firmware', s.firmware],
    ['architecture', s.arch],
    ['vendor', s.vendor],
    ['product', s.product],
    ['serial', s.serial],
    ['board serial', s.boardSerial],
    ['UUID', s.uuid],
    ['cores', s.cores],
    ['memory', s.memory, memorySize(s.memory ?? 0)],
    ['first seen', s.firstSeen, `${s.firstSeen} (${ago(s.firstSeen, now)})`],
    ['last seen', s.lastSeen, `${s.lastSeen} (${ago(s.lastSeen, now)})`],
    ['free', s.free, s.free ? 'yes' : 'no'],
    ['reserved for', s.reservedFor],
    ['instance', s.instance],
    ['profile', s.profile],
    ['tags', tagsText(s)],
    ['rests', s.rests, s.rests && 'yes: no join rule takes it until allow-join'],
  ],
})

function hardwareOf({ cpu, memory, disks, nics, pci, dmi, bmc }: Facts): Thing[] {
  return [
    {
      kind: 'CPU',
      fields: [
        ['model', cpu.model],
        ['architecture', cpu.architecture],
        ['sockets', cpu.sockets],
        ['cores', cpu.cores],
        ['threads', cpu.threads],
        ['flags', cpu.flags.join(' ')],
      ],
    },
    {
      kind: 'MEMORY',
      fields: [
        ['installed', memory.installed, memorySize(memory.installed)],
        ['usable', memory.usable, memorySize(memory.usable)],
      ],
    },
    ...disks.map(diskOf),
    ...nics.map(nicOf),
    {
      kind: 'BOARD',
      fields: [
        ['vendor', dmi.board.vendor],
        ['product', dmi.board.product],
        ['serial', dmi.board.serial],
        ['system version', dmi.system.version],
        ['chassis', dmi.chassis.type],
        ['chassis vendor', dmi.chassis.vendor],
        ['chassis serial', dmi.chassis.serial],
        ['BIOS', dmi.bios.version],
        ['BIOS vendor', dmi.bios.vendor],
        ['BIOS date', dmi.bios.date],
        ['BMC', bmc, bmc ? 'present' : 'none'],
      ],
    },
    ...pci.map(pciOf),
  ]
}

const diskOf = (d: Facts['disks'][number]): Thing => ({
  kind: 'DISK',
  fields: [
    ['name', d.name],
    ['size', d.size, diskSize(d.size)],
    ['model', d.model],
    ['serial', d.serial],
    ['WWN', d.wwn],
    ['rotational', d.rotational, d.rotational ? 'yes' : 'no'],
    ['removable', d.removable, d.removable ? 'yes' : 'no'],
    ['transport', d.transport],
    ['by id', d.byId],
  ],
})

const nicOf = (n: Facts['nics'][number]): Thing => ({
  kind: 'NIC',
  fields: [
    ['name', n.name],
    ['MAC address', n.mac],
    ['driver', n.driver],
    ['link', n.link, n.link ? 'up' : 'down'],
    ['speed', n.speed, `${n.speed} Mbit/s`],
    ['PCI', n.pci],
  ],
})

const pciOf = (p: Facts['pci'][number]): Thing => ({
  kind: 'PCI',
  fields: [
    ['slot', p.slot],
    ['class', p.class],
    ['device', `${p.vendor}:${p.device}`],
    ['driver', p.driver],
  ],
})
