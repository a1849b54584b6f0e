import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import type { Profile } from '../core/profile.js'
import { didYouMean } from '../core/suggest.js'
import { judge, readWritten, type Written } from './profileFile.js'
import { stampOf } from './stamp.js'
import { TEMPLATE_ROOT } from './templates.js'

/** The profiles that come with muster, from src/io as well as from dist/io. */
export const SHIPPED = fileURLToPath(new URL('../../profiles', import.meta.url))

/** A profile, or why its file is of no use. */
export type ProfileFile =
  | { readonly name: string; readonly file: string; readonly profile: Profile; readonly problems?: never }
  | {
      readonly name: string
      readonly file: string
      readonly profile?: never
      readonly problems: readonly string[]
    }

export type Profiles = {
  /** By name. A file that is broken is listed with its problems and never stands in for another. */
  list(): Promise<readonly ProfileFile[]>
  find(name: string): Promise<ProfileFile | undefined>
  /** Judges any one file; what it extends is looked up among the others. */
  check(file: string): Promise<ProfileFile>
}

type Parts = {
  readonly folder: string // the owner's; it may be absent
  readonly shipped?: string
  readonly log?: Pick<Logger, 'warn'>
}

/** Of one name there may be two files: the owner's, which counts, and the shipped one, which that may extend. */
type Shelf = { readonly own: ReadonlyMap<string, Written>; readonly shipped: ReadonlyMap<string, Written> }

/**
 * The profiles of the shipped folder and of the owner's, whose files take the place of shipped ones of the same name.
 * Files are read again when they have changed.
 */
export function openProfiles({ folder, shipped = SHIPPED, log }: Parts): Profiles {
  let known: { stamp: string; shelf: Shelf; files: readonly ProfileFile[] } | undefined

  async function load() {
    const paths = { own: await yamlFiles(folder, log), shipped: await yamlFiles(shipped, log) }
    const stamp = (await Promise.all([...paths.own, ...paths.shipped].map(stampOf))).join('\n')
    if (known?.stamp === stamp) return known
    const shelf = { own: await readAll(paths.own), shipped: await readAll(paths.shipped) }
    const files = [...new Map([...shelf.shipped, ...shelf.own]).values()]
      .map(written => judgeOn(shelf, written))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
    known = { stamp, shelf, files }
    for (const { name, problems } of files)
      if (problems) log?.warn({ profile: name, problems }, 'a profile is broken')
    return known
  }

  return {
    list: async () => (await load()).files,
    find: async name => (await load()).files.find(file => file.name === name),
    async check(file) {
      const { shelf } = await load()
      const written = await read(resolve(file))
      const isShipped = shelf.shipped.get(written.name)?.file === written.file
      const own = isShipped ? shelf.own : new Map([...shelf.own, [written.name, written] as const])
      return judgeOn({ ...shelf, own }, written)
    },
  }
}

const nameOf = (path: string) => basename(path).replace(/\.ya?ml$/, '')

async function yamlFiles(folder: string, log: Parts['log']): Promise<string[]> {
  try {
    const names = await readdir(folder)
    return names
      .filter(name => /^[^.].*\.ya?ml$/.test(name))
      .sort()
      .map(name => join(folder, name))
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ENOENT') log?.warn({ err, folder }, 'cannot read profiles')
    return []
  }
}

async function readAll(paths: readonly string[]): Promise<Map<string, Written>> {
  const all = await Promise.all(paths.map(read))
  return new Map(all.map(written => [written.name, written]))
}

async function read(path: string): Promise<Written> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => cause)
  if (typeof text === 'string') return readWritten(nameOf(path), path, text)
  return { name: nameOf(path), file: path, fields: {}, problems: [`${path}: ${text.message}`], line: () => 1 }
}

function judgeOn(shelf: Shelf, written: Written): ProfileFile {
  const { name, file } = written
  const extended = extendedBy(shelf, written)
  const judged = 'problems' in extended ? extended : judge(written, extended.files)
  if ('template' in judged && !existsSync(join(TEMPLATE_ROOT, judged.template)))
    return {
      name,
      file,
      problems: [`${file}:${written.line(['template'])}: template: there is no ${judged.template}`],
    }
  return 'problems' in judged ? { name, file, problems: judged.problems } : { name, file, profile: judged }
}

/** What a file extends, nearest first. A file of the owner's that extends its own name means the shipped one. */
function extendedBy(shelf: Shelf, written: Written): { files: Written[] } | { problems: string[] } {
  const files: Written[] = []
  for (let at = written; at.fields.extends !== undefined; ) {
    const wanted = at.fields.extends
    const wrong = (what: string) => ({ problems: [`${at.file}:${at.line(['extends'])}: extends: ${what}`] })
    if (typeof wanted !== 'string') return wrong('must be the name of a profile')
    const next = (wanted === at.name ? undefined : shelf.own.get(wanted)) ?? shelf.shipped.get(wanted)
    if (!next) {
      const names = [...new Set([...shelf.shipped.keys(), ...shelf.own.keys()])]
      return wrong(`there is no profile ${wanted}${didYouMean(wanted, names)}`)
    }
    if (next === written || files.includes(next)) return wrong(`${wanted} leads back to itself`)
    files.push(next)
    at = next
  }
  return { files }
}
