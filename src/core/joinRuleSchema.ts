import { z } from 'zod'
import { parseFilters, SYSTEM_FIELDS } from './filter.js'
import type { Criterion, JoinRule } from './joinRule.js'
import { whyNotGroup, whyNotUser } from './naming.js'
import { isRefusal } from './refusal.js'
import { listOf, mapOf, matching, truth } from './schema.js'

/** Join rules as their YAML file has them, parsed into {@link JoinRule}. */

const NAME = /^[a-z0-9][a-z0-9-]{0,61}$/

/** Text that a judge of names has nothing against. */
const judgedBy = (whyNot: (text: string) => string | undefined, takes: string) =>
  z.string({ error: `must be ${takes}` }).superRefine((text, ctx) => {
    const message = whyNot(text)
    if (message) ctx.addIssue({ code: 'custom', message })
  })

const criterion = z
  .string({ error: 'must be FIELD OPERATOR VALUE, as in cores>=4' })
  .transform((text, ctx): Criterion => {
    const [filter] = read(text, message => ctx.addIssue({ code: 'custom', message }))
    return filter ? { text, filter } : z.NEVER
  })

function read(text: string, complain: (message: string) => void) {
  const filters = parseFilters([text], SYSTEM_FIELDS)
  if (!isRefusal(filters)) return filters
  complain(filters.why)
  return []
}

const count = (most: number) => {
  const error = `must be a whole number from 1 to ${most}`
  return z.number({ error }).int({ error }).min(1, { error }).max(most, { error })
}

const fields = mapOf({
  name: matching(NAME, 'lower-case letters, digits and hyphens, as in small-machines'),
  match: z.array(criterion, { error: 'must be a list of filters; [] matches every machine' }).max(32),
  group: judgedBy(whyNotGroup, 'the name of a group'),
  profile: matching(NAME, 'the name of a profile, see describe-profiles'),
  maximum: count(100_000).exactOptional(),
  'min-nodes': count(1000).exactOptional(),
  user: judgedBy(whyNotUser, 'one word').default('muster'),
  enabled: truth.default(true),
})

const rule = fields.transform(
  ({ 'min-nodes': minNodes, ...rest }): JoinRule => ({
    ...rest,
    ...(minNodes !== undefined && { minNodes }),
  }),
)

export const joinRulesSchema = listOf(rule).superRefine((rules, ctx) => {
  const names = rules.map(({ name }) => name)
  for (const [n, name] of names.entries())
    if (names.indexOf(name) !== n)
      ctx.addIssue({ code: 'custom', path: [n, 'name'], message: `there are two rules called ${name}` })
})

/** The fields of a rule, in the order of the page that explains them. */
export const RULE_FIELDS: readonly string[] = Object.keys(fields.shape)
