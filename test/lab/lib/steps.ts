import type { Description } from '../../../src/core/summary.js'
import { DISK_LINE } from './disks.js'
import type { Lab } from './lab.js'
import type { LabMachine } from './machine.js'

/**
 * Bounds, not expectations: an emulated machine on two busy cores needs about a minute for what takes half of that on
 * idle ones. docs/lab.md has the times that were measured.
 */
export const BOUND = {
  script: 150_000, // from power-on until iPXE has asked for its script
  scout: 240_000, // from power-on until the scout waits for orders
  disk: 300_000, // from power-on, or from an order, until the local disk runs
  order: 60_000, // from an order until the machine obeys
  installing: 240_000, // from an order until the installer may write
  written: 600_000, // from then until the disk is written
  running: 1_000_000, // from run-instances until the new systems have phoned home
} as const

export const SCOUT_READY = /now +ready, waiting for orders/

/** Waits for the scout's own word that it holds its long poll; `from` is a mark of the serial console. */
export async function inScout(lab: Lab, machine: LabMachine, from = 0): Promise<Description> {
  await machine.serial().waitFor(SCOUT_READY, BOUND.scout, from)
  return await lab.daemon.waitFor(machine.mac, 'has facts', 5_000, system => system.facts !== undefined)
}

export async function powerOnIntoScout(lab: Lab, machine: LabMachine): Promise<Description> {
  await machine.powerOn()
  return await inScout(lab, machine)
}

/** Waits for GRUB's line from the local disk. */
export async function onDisk(machine: LabMachine, from = 0): Promise<void> {
  await machine.serial().waitFor(new RegExp(DISK_LINE), BOUND.disk, from)
}
