import { z } from 'zod'
import { macSchema } from './facts.js'

/**
 * What iPXE sends with `GET /boot/script`. iPXE expands a setting that the machine lacks to nothing, so an empty
 * value means absent; SMBIOS before 2.5 has 0 for the number of cores, which says as little.
 */

/** SMBIOS strings come padded and with rubbish in them; none of it may reach a log line or a terminal. */
const hardwareText = z
  .string()
  .max(256)
  .transform(value => value.replace(/\p{Cc}/gu, ' ').trim() || undefined)

const wholeNumber = (max: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, 'is not a whole number')
    .transform(Number)
    .refine(value => value <= max, `is more than ${max}`)
    .transform(value => value || undefined)

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

const querySchema = z.strictObject({
  mac: macSchema,
  uuid: z.string().regex(UUID, 'is not a UUID').toLowerCase().optional(),
  manufacturer: hardwareText.optional(),
  product: hardwareText.optional(),
  serial: hardwareText.optional(),
  'board-serial': hardwareText.optional(),
  memsize: wholeNumber(999_999_999).optional(), // MiB
  cores: wholeNumber(255).optional(),
  platform: z.enum(['pcbios', 'efi']).optional(),
  buildarch: z
    .string()
    .regex(/^[a-z0-9_]{1,16}$/, 'is not an architecture such as x86_64')
    .optional(),
})

/** The query of `GET /boot/script` with absent values left out, in the names of the code. */
export const bootQuerySchema = z
  .record(z.string(), z.unknown())
  .transform(query => withoutEmpty(query))
  .pipe(querySchema)
  .transform(({ 'board-serial': boardSerial, ...rest }) => defined({ ...rest, boardSerial }))

export type BootQuery = z.infer<typeof bootQuerySchema>

const withoutEmpty = (query: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ''))

/** The same object without the keys whose value is undefined; optional properties are then really absent. */
const defined = <T extends object>(value: T) =>
  Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as {
    [K in keyof T as undefined extends T[K] ? never : K]: T[K]
  } & { [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined> }
