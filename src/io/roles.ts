import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { checkScript, factsScript, planNode } from '../core/plan.js'
import { type Refusal, refuse } from '../core/refusal.js'
import type { Role } from '../core/role.js'
import { isRoleName, roleKeysAt, roleSchema } from '../core/roleSchema.js'
import { didYouMean } from '../core/suggest.js'
import { explain, over, place, readWritten, type Written } from './profileFile.js'
import { SAMPLES } from './roleSamples.js'
import { compileRole, RoleProblem } from './roleTemplates.js'
import { stampOf } from './stamp.js'
import { environment } from './templates.js'

/** The roles that come with muster, from src/io as well as from dist/io. */
export const SHIPPED_ROLES = fileURLToPath(new URL('../../roles', import.meta.url))

/** A role, or why its folder is of no use; each problem as `FILE:LINE: FIELD: what`. */
export type RoleFolder =
  | { readonly name: string; readonly file: string; readonly role: Role; readonly problems?: never }
  | {
      readonly name: string
      readonly file: string
      readonly role?: never
      readonly problems: readonly string[]
    }

export type Roles = {
  /** By name. A folder that is broken is listed with its problems and never stands in for another. */
  list(): Promise<readonly RoleFolder[]>
  /** Those of these names, in the order in which they are planned; refused when one is broken or not there. */
  named(names: readonly string[]): Promise<readonly Role[] | Refusal>
}

type Parts = {
  readonly folder: string // the owner's; it may be absent
  readonly shipped?: string
  readonly log?: Pick<Logger, 'warn'>
}

/**
 * The roles of the shipped folder and of the owner's, whose folders take the place of shipped ones of the same name.
 * They are read again when a file in them has changed.
 */
export function openRoles({ folder, shipped = SHIPPED_ROLES, log }: Parts): Roles {
  let known: { stamp: string; found: readonly RoleFolder[] } | undefined

  async function load() {
    const [own, ours] = [await foldersIn(folder, log), await foldersIn(shipped, log)]
    const stamp = (await Promise.all([...own.values(), ...ours.values()].map(folderStamp))).join('\n')
    if (known?.stamp === stamp) return known.found
    const names = [...new Set([...ours.keys(), ...own.keys()])].sort()
    const found = await Promise.all(names.map(name => readRole(name, own.get(name), ours)))
    for (const { name, problems } of found)
      if (problems) log?.warn({ role: name, problems }, 'a role is broken')
    known = { stamp, found }
    return found
  }

  return {
    list: load,
    async named(names) {
      const found = await load()
      const problems = names.flatMap(name => {
        const folder = found.find(role => role.name === name)
        const known = found.map(role => role.name)
        return folder ? (folder.problems ?? []) : [`there is no role ${name}${didYouMean(name, known)}`]
      })
      if (problems.length) return refuse('invalid', problems.join('; '))
      const roles = found.flatMap(({ role }) => (role && names.includes(role.name) ? role : []))
      return roles.sort((a, b) => a.order - b.order)
    },
  }
}

async function foldersIn(folder: string, log: Parts['log']): Promise<Map<string, string>> {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    const names = entries.filter(entry => !entry.isFile() && isRoleName(entry.name)).map(entry => entry.name)
    return new Map(names.map(name => [name, join(folder, name)]))
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ENOENT') log?.warn({ err, folder }, 'cannot read roles')
    return new Map()
  }
}

async function folderStamp(folder: string): Promise<string> {
  const names = await readdir(folder).catch(() => [])
  const stamps = await Promise.all(names.sort().map(name => stampOf(join(folder, name))))
  return [folder, ...stamps].join('\n')
}

/** The owner's role of that name, or the shipped one. The owner's may extend a shipped one, its own name too. */
async function readRole(
  name: string,
  own: string | undefined,
  shipped: Map<string, string>,
): Promise<RoleFolder> {
  const folder = own ?? (shipped.get(name) as string)
  const written = await readYaml(name, folder)
  const { extends: wanted, ...fields } = written.fields
  const below = typeof wanted === 'string' ? shipped.get(wanted) : undefined
  const broken = (problems: readonly string[]) => ({ name, file: written.file, problems })
  if (wanted !== undefined && below === undefined) {
    const what = `must be a role that comes with muster: ${[...shipped.keys()].join(', ')}`
    return broken([place(['extends'], what, [written])])
  }
  const chain = below ? [written, await readYaml(wanted as string, below)] : [written]
  const problems = chain.flatMap(one => one.problems)
  if (problems.length) return broken(problems)
  const all = chain.length === 1 ? fields : over(chain[1]?.fields ?? {}, fields)
  const judged = judgeRole(name, all, { chain, folders: below ? [folder, below] : [folder] })
  return 'problems' in judged ? broken(judged.problems) : { name, file: written.file, role: judged }
}

async function readYaml(name: string, folder: string): Promise<Written> {
  const file = join(folder, 'role.yaml')
  const text = await readFile(file, 'utf8').catch((cause: Error) => cause)
  if (typeof text === 'string') return readWritten(name, file, text)
  return { name, file, fields: {}, problems: [`${file}: ${text.message}`], line: () => 1 }
}

type Origin = { readonly chain: readonly Written[]; readonly folders: readonly string[] }

function judgeRole(name: string, fields: Written['fields'], { chain, folders }: Origin) {
  const parsed = roleSchema.safeParse(fields)
  if (!parsed.success)
    return { problems: parsed.error.issues.flatMap(issue => explain(issue, fields, chain, roleKeysAt)) }
  try {
    const role = compileRole(name, parsed.data, environment(finderOf(folders)))
    tryOut(role)
    return role
  } catch (error) {
    if (error instanceof RoleProblem) return { problems: [place(error.field, error.what, chain)] }
    throw error
  }
}

/** A template lies beside its role.yaml, or beside the one that this one extends. */
function finderOf(folders: readonly string[]) {
  return (name: string) => {
    const paths = folders.map(folder => join(folder, name))
    return paths.find(path => existsSync(path)) ?? (paths[0] as string)
  }
}

/** A value that no template is given, or a filter that refuses, is told when a role is read and not when a node waits. */
function tryOut(role: Role): void {
  for (const { wanted, facts } of SAMPLES) {
    factsScript([role], wanted)
    const names = Object.keys(role.factScripts(wanted))
    const said = Object.fromEntries(names.map(name => [`${role.name}.${name}`, '1']))
    for (const known of [facts, { ...facts, ...said }]) {
      planNode([role], wanted, known)
      checkScript([role], wanted, known)
    }
  }
}
