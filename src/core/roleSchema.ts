import { z } from 'zod'
import { parseDuration } from './quantity.js'
import { ROLE_NAME } from './role.js'
import { listOf, mapOf, matching } from './schema.js'

/** A role as its role.yaml has it: texts are templates, and not judged before they are compiled. */

const byName = <T extends z.ZodType>(keys: z.ZodString, of: T) =>
  z.record(keys, of, { error: issue => (issue.code === 'invalid_type' ? 'must be a map' : undefined) })
const whole = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`
  return z.int({ error }).min(min, { error }).max(max, { error })
}

const text = z.string({ error: 'must be text' }).max(65_536, { error: 'must be shorter' })
const line = matching(/^[^\p{Cc}\u2028\u2029]{1,300}$/u, 'one line of text')
const expression = matching(/^[^\p{Cc}\u2028\u2029]{1,1000}$/u, 'an expression such as facts.swap == ""')
const roleName = matching(ROLE_NAME, 'lower-case letters, digits and hyphens, as in podman')
const factName = matching(/^[a-z][a-z0-9_]{0,31}$/, 'lower-case letters, digits and _, as in time_zone')
const stepName = matching(/^[a-z][a-z0-9-]{0,31}$/, 'lower-case letters, digits and hyphens')
const packageName = matching(/^[A-Za-z0-9][A-Za-z0-9+._-]{0,99}$/, 'the name of a package')
const mode = z
  .union([z.string(), z.number()], { error: 'must be a mode such as 644' })
  .transform(String)
  .pipe(matching(/^0?[0-7]{3}$/, 'a mode such as 644'))
  .transform(digits => digits.slice(-3))
const seconds = z.unknown().transform((value, ctx): number => {
  const parsed =
    typeof value === 'string' || typeof value === 'number' ? parseDuration(String(value)) : undefined
  if (parsed !== undefined && parsed > 0 && parsed <= 7200) return parsed
  ctx.addIssue({ code: 'custom', message: 'must be a time of at most 2h, such as 90s or 20min' })
  return z.NEVER
})

const waitSchema = mapOf({ when: expression, for: line })

const fileSchema = mapOf({
  path: line,
  content: text.exactOptional(),
  absent: z.literal(true, { error: 'must be true, or not be there' }).exactOptional(),
  mode: mode.default('644'),
  owner: line.default('root'),
  when: expression.default('true'),
  after: text.default(''),
}).refine(file => (file.content === undefined) === (file.absent === true), {
  error: 'must have either content or absent: true',
})

const inputSchema = z.discriminatedUnion(
  'kind',
  [
    mapOf({ kind: z.literal('certificate'), request: line }),
    mapOf({ kind: z.literal('image'), name: z.literal('answer', { error: 'must be answer' }) }),
  ],
  { error: 'must be {kind: certificate, request: …} or {kind: image, name: answer}' },
)

const stepSchema = mapOf({
  id: stepName,
  when: expression,
  reason: line,
  script: text,
  timeout: seconds.default(300),
  tries: whole(1, 20).default(3),
  input: inputSchema.exactOptional(),
})

const setting = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())], {
  error: 'must be text, a number, true, false or a list of texts',
})

const PACKAGE_KEYS = /^(debian|rocky)(-\d{1,3})?$/

export const roleSchema = mapOf({
  description: line,
  order: whole(0, 999).default(50),
  applies: expression.default('true'),
  waits: listOf(waitSchema).default([]),
  settings: byName(factName, setting).default({}),
  packages: byName(
    matching(PACKAGE_KEYS, 'debian, debian-12, rocky or the like'),
    listOf(packageName),
  ).default({}),
  facts: byName(factName, text).default({}),
  publishes: listOf(factName).default([]),
  files: listOf(fileSchema).default([]),
  steps: listOf(stepSchema).default([]),
  check: text.default(''),
}).superRefine((role, ctx) => {
  const wrong = (path: (string | number)[], message: string) =>
    ctx.addIssue({ code: 'custom', path, message })
  const ids = ['packages', 'files', ...role.steps.map(step => step.id)]
  for (const [n, { id }] of role.steps.entries())
    if (ids.indexOf(id) !== n + 2) wrong(['steps', n, 'id'], `there are two steps called ${id}`)
  for (const [n, name] of role.publishes.entries())
    if (!Object.hasOwn(role.facts, name)) wrong(['publishes', n], `there is no fact ${name}`)
})

/** The fields of a role.yaml, parsed; all texts still are templates. */
export type RoleFields = z.output<typeof roleSchema>

const KEYS: Readonly<Record<string, readonly string[]>> = {
  '': ['extends', ...Object.keys(roleSchema.shape)],
  waits: Object.keys(waitSchema.shape),
  files: Object.keys(fileSchema.shape),
  steps: Object.keys(stepSchema.shape),
}

/** The fields that there are at a place of the file. */
export const roleKeysAt = (path: readonly PropertyKey[]): readonly string[] =>
  path.length > 2 ? [] : (KEYS[String(path[0] ?? '')] ?? [])

/** Whether a folder may be a role's. */
export const isRoleName = (name: string): boolean => roleName.safeParse(name).success
