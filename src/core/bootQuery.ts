import { z } from 'zod'
import { tidy } from './badValues.js'
import { defined } from './defined.js'
import { macSchema } from './facts.js'
import type { IpxeReport } from './sighting.js'

/**
 * What iPXE sends with `GET /boot/script`. iPXE expands a setting that the machine lacks to nothing, so an empty
 * value means absent; SMBIOS before 2.5 has 0 for the number of cores, which says as little. Vendors put anything
 * into SMBIOS: a value that makes no sense counts as absent too, because a machine has to boot all the same.
 */

const hardwareText = z
  .string()
  .max(256)
  .transform(value => tidy(value) || undefined)

/** iPXE writes a `uint8` setting as `0x4`, and the `int32` of memsize in decimal. */
const wholeNumber = (max: number) =>
  z
    .string()
    .regex(/^(\d{1,9}|0x[0-9a-f]{1,7})$/i)
    .transform(Number)
    .refine(value => value <= max)
    .transform(value => value || undefined)

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

const orAbsent = <T extends z.ZodType>(schema: T) => schema.optional().catch(undefined)

const querySchema = z.strictObject({
  mac: macSchema,
  uuid: orAbsent(z.string().regex(UUID).toLowerCase()),
  manufacturer: orAbsent(hardwareText),
  product: orAbsent(hardwareText),
  serial: orAbsent(hardwareText),
  'board-serial': orAbsent(hardwareText),
  memsize: orAbsent(wholeNumber(999_999_999)), // MiB
  cores: orAbsent(wholeNumber(255)),
  platform: orAbsent(z.enum(['pcbios', 'efi'])),
  buildarch: orAbsent(z.string().regex(/^[a-z0-9_]{1,16}$/)),
})

/** The query of `GET /boot/script` with absent values left out, in the names of the code. */
export const bootQuerySchema = z
  .record(z.string(), z.unknown())
  .transform(query => Object.fromEntries(Object.entries(query).filter(([, value]) => value !== '')))
  .pipe(querySchema)
  .transform(({ mac, 'board-serial': boardSerial, ...rest }) => ({
    mac,
    ...defined<Omit<IpxeReport, 'mac' | 'address' | 'at'>>({ ...rest, boardSerial }),
  }))
