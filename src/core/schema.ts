import { z } from 'zod'

/** Pieces of the schemas of the owner's files: their complaints continue "FIELD: …". */

export const oneOf = <const C extends readonly [string, ...string[]]>(choices: C) =>
  z.enum(choices, { error: `must be one of ${choices.join(', ')}` })
export const matching = (pattern: RegExp, takes: string) =>
  z.string({ error: `must be ${takes}` }).regex(pattern, { error: `must be ${takes}` })
export const listOf = <T extends z.ZodType>(item: T) => z.array(item, { error: 'must be a list' }).max(1000)
export const mapOf = <S extends z.core.$ZodLooseShape>(shape: S) =>
  z.strictObject(shape, { error: issue => (issue.code === 'invalid_type' ? 'must be a map' : undefined) })
export const truth = z.boolean({ error: 'must be true or false' })
