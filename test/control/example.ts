import { createHash } from 'node:crypto'
import pino from 'pino'
import type { Test } from 'tap'
import { createCommits } from '../../src/control/commits.js'
import { createInventory, type InventoryOptions } from '../../src/control/inventory.js'
import { type Facts, factsSchema } from '../../src/core/facts.js'
import { isRefusal, type Refusal } from '../../src/core/refusal.js'
import type { IpxeReport, Sighting } from '../../src/core/sighting.js'
import { openStore } from '../../src/io/store.js'
import type { Wake } from '../../src/io/wakeOnLan.js'
import { type Mac, parseMac } from '../../src/wire/mac.js'
import { stateDir as makeStateDir } from '../support/stateDir.js'

/** Machines and inventories that tests build on. */

export const quiet = pino({ level: 'silent' })
export const AT = new Date('2026-01-02T03:04:05Z')

export function mac(text: string): Mac {
  const parsed = parseMac(text)
  if (!parsed) throw new Error(`${text} is no MAC`)
  return parsed
}

export const M1 = mac('52:54:00:00:00:01')
export const M2 = mac('52:54:00:00:00:02')
export const M3 = mac('52:54:00:00:00:03')
export const U1 = '11111111-aaaa-4bbb-8ccc-0123456789ab'
export const U2 = '22222222-aaaa-4bbb-8ccc-0123456789ab'

/** Bytes that nobody guesses and every run repeats. */
export function repeatable(seed = 'muster') {
  let count = 0
  return (bytes: number) => createHash('sha512').update(`${seed}${count++}`).digest().subarray(0, bytes)
}

export async function inventoryIn(
  t: Test,
  {
    stateDir = makeStateDir(t),
    eventsKept = 10_000,
    seed = 'muster',
    at = AT,
    asked = (() => {}) as InventoryOptions['asked'],
  } = {},
) {
  let time = at.getTime()
  const store = await openStore(stateDir, quiet)
  const now = () => new Date(time++)
  const pass = (seconds: number) => {
    time += seconds * 1000
  }
  const rules = { attempts: 3, deadlines: {}, started: at, roles: [] as string[] }
  const commits = createCommits({ store, log: quiet, now, random: repeatable(seed), eventsKept })
  const isProfile = async (name: string) => name === 'debian-12-image'
  const woken: string[][] = []
  const wake: Wake = async macs => void woken.push([...macs])
  const inventory = createInventory({ store, commits, rules, isProfile, wake, asked, log: quiet, now })
  const close = async () => {
    await inventory.flush()
    await store.close()
  }
  return { inventory, store, commits, rules, stateDir, close, now, pass, wake, woken }
}

export const sighting = (mac: Mac, more: Partial<Sighting> = {}): Sighting => ({
  mac,
  firmware: 'uefi',
  arch: 'x86_64',
  ipxe: false,
  why: 'offered snponly.efi',
  at: AT,
  ...more,
})

export const report = (mac: Mac, more: Partial<IpxeReport> = {}): IpxeReport => ({
  mac,
  platform: 'efi',
  buildarch: 'x86_64',
  address: '192.0.2.10',
  at: AT,
  ...more,
})

type Serials = { uuid?: string; serial?: string; board?: string; chassis?: string; memory?: number }

/** Facts of a machine that booted from the first of the MACs. */
export function facts(
  macs: [Mac, ...Mac[]],
  { uuid, serial, board, chassis, memory = 8 }: Serials = {},
): Facts {
  const told = {
    bootMac: macs[0],
    firmware: 'uefi',
    cpu: {
      model: 'Example CPU',
      architecture: 'x86_64',
      sockets: 1,
      cores: 4,
      threads: 8,
      flags: ['sse2', 'vmx'],
    },
    memory: { installed: memory * 2 ** 30, usable: memory * 2 ** 30 - 2 ** 27 },
    disks: [{ name: 'sda', size: 2 ** 39, model: 'Disk', serial: 'D1', rotational: false, removable: false }],
    nics: macs.map((mac, n) => ({ name: `eth${n}`, mac, driver: 'igb', link: true, speed: 1000 })),
    pci: [{ slot: '0000:00:03.0', class: '020000', vendor: '8086', device: '1533', driver: 'igb' }],
    dmi: {
      system: { vendor: 'Example', product: 'Box 1', uuid, serial },
      board: { serial: board },
      chassis: { serial: chassis },
      bios: {},
    },
    bmc: false,
  }
  return factsSchema.parse(JSON.parse(JSON.stringify(told))) // as it comes over HTTP: without what is undefined
}

/** The value of something that must not be refused. */
export function granted<T extends object>(value: T | Refusal): T {
  if (isRefusal(value)) throw new Error(`refused: ${value.why}`)
  return value as T
}
