import type { z } from 'zod'
import type { Profile } from '../core/profile.js'
import { keysAt, profileSchema } from '../core/profileSchema.js'
import { didYouMean } from '../core/suggest.js'
import { complaint, fieldName, type Path, readYaml, valueAt } from './yamlFile.js'

export type Fields = { readonly [field: string]: unknown }

/** A profile's file as it is written: its fields unjudged, and where each of them stands. */
export type Written = {
  readonly name: string // of the file, without .yaml
  readonly file: string
  readonly fields: Fields
  readonly problems: readonly string[] // of the YAML itself
  /** The line of a field, or of the nearest one around it that is there. */
  line(path: Path): number
}

/** Reads YAML with one map at its top. */
export function readWritten(name: string, file: string, text: string): Written {
  const { value, problems, line } = readYaml(file, text)
  const written = { name, file, line }
  if (problems.length) return { ...written, fields: {}, problems }
  if (!isFields(value))
    return { ...written, fields: {}, problems: [`${file}:1: must be a map of fields, such as 'release: 12'`] }
  return { ...written, fields: value, problems }
}

/**
 * The profile that a file describes, over those that it extends (nearest first), or all that is wrong with it, each
 * as `FILE:LINE: FIELD: what`. A map adds to the extended one's, any other value takes its place.
 */
export function judge(written: Written, extended: readonly Written[]): Profile | { problems: string[] } {
  const { name, file } = written
  const chain = [written, ...extended]
  const problems = chain.flatMap(w => w.problems)
  if (problems.length) return { problems }
  const given = written.fields.name ?? name
  if (given !== name)
    return {
      problems: [
        `${file}:${written.line(['name'])}: name: must be ${name}, as the file is called, or absent`,
      ],
    }
  const fields: Fields = { ...chain.map(w => w.fields).reduceRight(over), name }
  const { extends: _, ...own } = fields
  const parsed = profileSchema.safeParse(own)
  if (parsed.success) return parsed.data
  const keys = (path: Path) => (path.length ? keysAt(path) : [...keysAt([]), 'extends'])
  return { problems: parsed.error.issues.flatMap(issue => explain(issue, own, chain, keys)) }
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Fields over those that they extend. */
export function over(below: Fields, above: Fields): Fields {
  const merged = Object.entries(above).map(([key, value]) => {
    const under = below[key]
    return [key, isFields(value) && isFields(under) ? { ...under, ...value } : value]
  })
  return { ...below, ...Object.fromEntries(merged) }
}

/** What is wrong with `fields`, each as `FILE:LINE: FIELD: what`; `keys` names the fields that there are at a path. */
export function explain(
  issue: z.core.$ZodIssue,
  fields: Fields,
  chain: readonly Written[],
  keys: (path: Path) => readonly string[],
): string[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map(key => {
      const meant = didYouMean(key, keys(issue.path))
      return place([...issue.path, key], `there is no such field${meant}`, chain)
    })
  const present = valueAt(fields, issue.path) !== undefined
  return [place(issue.path, complaint(issue, present), chain)]
}

/** `FILE:LINE: FIELD: what`, in the nearest file that has the field. */
export function place(path: Path, what: string, chain: readonly Written[]): string {
  const from = chain.find(w => valueAt(w.fields, path) !== undefined) ?? chain[0]
  return `${from?.file}:${from?.line(path)}: ${fieldName(path)}: ${what}`
}
