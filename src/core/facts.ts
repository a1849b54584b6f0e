import { z } from 'zod'
import { type Mac, parseMac } from '../wire/mac.js'

/**
 * What a machine may say about its own hardware: the body of the scout's `POST /scout/v1/facts`.
 * Everything is bounded, because nothing on the LAN is trusted. Sizes are bytes, speeds Mbit/s; a value the
 * hardware does not tell is absent, never an invented default.
 */

const text = z.string().max(256)
const bytes = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER)
const count = z.number().int().min(1).max(65_536)

export const macSchema = z
  .string()
  .max(32)
  .transform((value, ctx): Mac => {
    const mac = parseMac(value)
    if (mac) return mac
    ctx.addIssue({ code: 'custom', message: 'is not a MAC address such as 52:54:00:12:34:56' })
    return z.NEVER
  })

const diskSchema = z.object({
  name: text, // kernel name, `sda`
  size: bytes,
  model: text.optional(),
  serial: text.optional(),
  wwn: text.optional(),
  rotational: z.boolean(),
  removable: z.boolean(),
  transport: text.optional(), // sata, nvme, usb, virtio, mmc, ...
  byId: text.optional(), // the stable /dev/disk/by-id path, when udev made one
})

const nicSchema = z.object({
  name: text,
  mac: macSchema,
  driver: text.optional(),
  link: z.boolean(),
  speed: z.number().int().positive().max(1_000_000).optional(),
  pci: text.optional(), // the PCI slot, `0000:00:03.0`
})

const pciSchema = z.object({
  slot: text,
  class: z.string().regex(/^[0-9a-f]{6}$/),
  vendor: z.string().regex(/^[0-9a-f]{4}$/),
  device: z.string().regex(/^[0-9a-f]{4}$/),
  driver: text.optional(),
})

const dmiSchema = z.object({
  system: z.object({
    vendor: text.optional(),
    product: text.optional(),
    version: text.optional(),
    serial: text.optional(),
    uuid: text.optional(),
  }),
  board: z.object({ vendor: text.optional(), product: text.optional(), serial: text.optional() }),
  chassis: z.object({ vendor: text.optional(), type: text.optional(), serial: text.optional() }),
  bios: z.object({ vendor: text.optional(), version: text.optional(), date: text.optional() }),
})

export const factsSchema = z.object({
  bootMac: macSchema, // the NIC that the firmware netbooted from
  firmware: z.enum(['bios', 'uefi']),
  cpu: z.object({
    model: text,
    architecture: text, // `x86_64`
    sockets: count,
    cores: count, // physical cores over all sockets
    threads: count, // logical processors over all sockets
    flags: z.array(z.string().max(32)).max(512),
  }),
  memory: z.object({
    installed: bytes, // by SMBIOS type 17; what the kernel sees where SMBIOS is silent
    usable: bytes, // the kernel's MemTotal
  }),
  disks: z.array(diskSchema).max(128),
  nics: z.array(nicSchema).min(1).max(64),
  pci: z.array(pciSchema).max(512),
  dmi: dmiSchema,
  bmc: z.boolean(),
})

export type Facts = z.infer<typeof factsSchema>
