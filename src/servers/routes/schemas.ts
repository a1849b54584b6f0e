import { z } from 'zod'

/** A parameter of a query that may be there several times. */
export const severalSchema = z
  .union([z.string().max(256), z.array(z.string().max(256)).max(32)])
  .default([])
  .transform(value => [value].flat())
