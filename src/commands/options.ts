import type { InferredOptionTypes } from 'yargs'
import { defined } from '../core/defined.js'
import { INSTANCE_FIELDS, OPERATORS, SYSTEM_FIELDS } from '../core/filter.js'
import type { Tags } from '../core/instance.js'
import type { ReserveRequest } from '../core/instanceView.js'
import type { Answer, Client, Failure } from './client.js'
import { EXIT } from './command.js'

/** Options that several commands take alike, with the letters that Metaleuca's had. */

export const userOption = {
  user: {
    type: 'string',
    alias: 'u',
    requiresArg: true,
    describe: 'whose: a name of your choice [the setting user, else $USER]',
  },
} as const

export const groupOption = {
  group: {
    type: 'string',
    alias: 'g',
    requiresArg: true,
    describe: 'only systems of this group [the setting group, else any]',
  },
} as const

const naming = {
  type: 'string',
  array: true,
  requiresArg: true,
  describe: 'the same as to name them without it',
} as const

export const systemsOption = { system: { ...naming, alias: 'i' } } as const
/** Where `-n` does not count. */
export const namesOption = { system: { ...naming, alias: ['i', 'n'] } } as const
export const instancesOption = { instance: { ...naming, alias: 'i' } } as const

const filterBy = (fields: object) =>
  ({
    filter: {
      type: 'string',
      array: true,
      requiresArg: true,
      describe: `FIELD OPERATOR VALUE that must hold; several must all hold. Operators: ${OPERATORS.join(' ')}; \
fields: ${Object.keys(fields).join(', ')}, tag:KEY`,
    },
  }) as const

export const systemFilter = filterBy(SYSTEM_FIELDS)
export const instanceFilter = filterBy(INSTANCE_FIELDS)

/** Which systems, for run-instances and reserve-systems. */
export const placementOptions = {
  count: { type: 'number', alias: 'n', requiresArg: true, describe: 'how many systems [1]' },
  ...groupOption,
  ...systemsOption,
  ...userOption,
  ...systemFilter,
  prefer: {
    type: 'string',
    requiresArg: true,
    describe:
      'which of those that fit go first: smallest, largest, or the most of cores, memory or disk (with - in front \
the least), several separated by commas [smallest]',
  },
} as const

/** `-i a,b -i c` and the operands `d e` are one list: no id, name or MAC address has a comma in it. */
export const named = (operands: readonly string[] = [], option: readonly string[] = []): string[] => [
  ...operands,
  ...option.flatMap(text => text.split(',').flatMap(word => word.trim() || [])),
]

export function userOf({ defaults: { user } }: Client): string | Failure {
  const why = 'who is asking cannot be told: say it with -u, or in the setting user'
  return user || { failed: EXIT.usage, why }
}

type Placement = InferredOptionTypes<typeof placementOptions>

/** What the API is asked; systems that are named are taken wherever they are, whatever group is usual. */
export function placementOf(
  client: Client,
  args: Placement,
  operands: readonly string[] = [],
): Answer<ReserveRequest> {
  const user = userOf(client)
  if (typeof user !== 'string') return user
  const systems = named(operands, args.system)
  const group = args.group ?? (systems.length > 0 ? undefined : client.defaults.group)
  const { count, filter, prefer } = args
  const some = systems.length > 0 ? { systems } : {}
  return { value: { user, ...some, ...defined({ count, group, filter, prefer }) } }
}

/** `rack=2` and `spare`, which is the tag `spare` with an empty value. */
export function tagsOf(texts: readonly string[] = []): Answer<Tags> {
  const tags: Record<string, string> = {}
  for (const text of texts) {
    const [key = '', ...value] = text.split('=')
    if (!key) return { failed: EXIT.usage, why: `--tag takes KEY=VALUE, not '${text}'` }
    tags[key] = value.join('=')
  }
  return { value: tags }
}

/** The query of a URL, with its question mark; what is undefined is left out, a list is given item by item. */
export function queryOf(query: Readonly<Record<string, string | readonly string[] | undefined>>): string {
  const given = Object.entries(query).flatMap(([key, value]) =>
    [value ?? []].flat().map(text => `${key}=${encodeURIComponent(text)}`),
  )
  return given.length > 0 ? `?${given.join('&')}` : ''
}
