import type { Mac } from '../wire/mac.js'
import { isFiller, isOwnMac, tidy } from './badValues.js'
import { defined } from './defined.js'
import type { Facts } from './facts.js'
import { type Identity, identityOf, uuidKey } from './identity.js'
import type { Machine } from './machine.js'
import type { IpxeReport, Sighting } from './sighting.js'

/** What each kind of observation adds to a machine's record. */

/** A machine keeps the MACs of cards that are gone; this many, latest first. */
const MOST_MACS = 64

const meaningful = (text: string | undefined) =>
  text === undefined || isFiller(text) ? undefined : tidy(text)

const realUuid = (uuid: string | undefined) =>
  uuid === undefined || uuidKey(uuid) === undefined ? undefined : tidy(uuid).toLowerCase()

const later = (a: Date, b: Date) => (a > b ? a : b)
const earlier = (a: Date, b: Date) => (later(a, b) === a ? b : a)

/** Only the scout tells of disks, so a record with disks has facts, and those outrank what firmware says. */
const hasFacts = (machine: Machine) => machine.disks !== undefined

const unite = (first: readonly Mac[], rest: readonly Mac[]) =>
  [...new Set([...first, ...rest])].filter(isOwnMac).slice(0, MOST_MACS)

/**
 * A DHCP packet. Its UUID is left out: some firmware puts there what its SMBIOS does not say, and the record's
 * UUID is compared with SMBIOS later.
 */
export const withSighting = (machine: Machine, { firmware, arch, at }: Sighting): Machine => ({
  ...machine,
  ...(hasFacts(machine) ? {} : defined<Machine>({ firmware, arch })),
  lastSeen: later(machine.lastSeen, at),
})

/** What iPXE's report proves about whose it is. */
export const identityOfReport = (report: IpxeReport): Identity => ({
  macs: unite([report.mac], []),
  ...defined<Identity>({
    uuid: realUuid(report.uuid),
    serial: meaningful(report.serial),
    boardSerial: meaningful(report.boardSerial),
  }),
})

const MIB = 1024 * 1024

export function withReport(machine: Machine, report: IpxeReport): Machine {
  const { macs, ...identity } = identityOfReport(report)
  const firmware = report.platform === 'efi' ? 'uefi' : report.platform === 'pcbios' ? 'bios' : undefined
  const arch = meaningful(report.buildarch)
  const hardware = {
    arch,
    cores: report.cores || undefined, // SMBIOS before 2.5 says 0
    memory: report.memsize ? report.memsize * MIB : undefined,
  }
  return {
    ...machine,
    ...identity,
    ...defined<Machine>({
      vendor: meaningful(report.manufacturer),
      product: meaningful(report.product),
      firmware,
      ...(hasFacts(machine) ? {} : hardware),
    }),
    macs: unite(macs, machine.macs),
    address: report.address,
    lastSeen: later(machine.lastSeen, report.at),
  }
}

export function withFacts(machine: Machine, facts: Facts, address: string, at: Date): Machine {
  const { system, board, chassis } = facts.dmi
  return {
    ...machine,
    ...defined<Machine>({
      vendor: meaningful(system.vendor),
      product: meaningful(system.product),
      serial: meaningful(system.serial),
      boardSerial: meaningful(board.serial),
      chassisSerial: meaningful(chassis.serial),
      uuid: realUuid(system.uuid),
    }),
    macs: unite(identityOf(facts).macs, machine.macs),
    address,
    firmware: facts.firmware,
    arch: facts.cpu.architecture,
    cores: facts.cpu.cores,
    memory: facts.memory.installed,
    disks: facts.disks.filter(disk => !disk.removable).map(({ name, size }) => ({ name, size })),
    facts,
    lastSeen: later(machine.lastSeen, at),
  }
}

/** A record that turned out to be of the same machine adds its MACs and its time. */
export const withFolded = (machine: Machine, folded: Machine): Machine => ({
  ...machine,
  macs: unite(machine.macs, folded.macs),
  firstSeen: earlier(machine.firstSeen, folded.firstSeen),
  lastSeen: later(machine.lastSeen, folded.lastSeen),
})
