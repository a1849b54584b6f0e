import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import nunjucks from 'nunjucks'
import { FILTERS } from './templateFilters.js'

/** What a template may be given. An absent value is an empty string, which is false in `if`. */
export type Value = string | number | boolean | readonly Value[] | { readonly [key: string]: Value }
export type Values = { readonly [name: string]: Value }

export type Templates = {
  /** @throws Error naming template, line and value when something is missing or a filter refuses. */
  render(name: string, values: Values): string
}

/** The repository's root, from src/io as well as from dist/io. */
export const TEMPLATE_ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** Those of the daemon: boot scripts, and what installers and new systems are given. */
export const TEMPLATE_FOLDERS: readonly string[] = ['ipxe', 'node', 'preseed', 'kickstart']

/**
 * Compiles every `*.njk` of the folders, so that a broken template stops the start and not a machine.
 * @param root where the folders are; a template's name is its path from there, `ipxe/scout.ipxe.njk`
 * @throws Error on a folder that cannot be read or a template that does not compile
 */
export function openTemplates(root = TEMPLATE_ROOT, folders = TEMPLATE_FOLDERS): Templates {
  const env = environment(name => join(root, name))
  for (const name of folders.flatMap(folder => templatesIn(root, folder))) env.getTemplate(name, true)
  return { render: (name, values) => env.render(name, values) }
}

/**
 * The language of all of our templates: strict, with our filters, and text that is not HTML.
 * @param find where the template of a name lies
 */
export function environment(find: (name: string) => string): nunjucks.Environment {
  readStrictly()
  const env = new nunjucks.Environment(new Files(find), {
    autoescape: false,
    throwOnUndefined: true,
    trimBlocks: true,
    lstripBlocks: true,
    tags: { commentStart: '<#', commentEnd: '#>' }, // the default `{#` is part of shell's `${#name}`
  })
  for (const [name, filter] of Object.entries(FILTERS)) env.addFilter(name, filter)
  return env
}

const templatesIn = (root: string, folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.njk'))
    .map(file => `${folder}/${file}`)

class Files extends nunjucks.Loader {
  constructor(readonly find: (name: string) => string) {
    super()
  }

  getSource(name: string) {
    const path = this.find(name)
    return { src: readFileSync(path, 'utf8'), path, noCache: false }
  }
}

/**
 * Makes every look-up of a missing value throw. Nunjucks' own `throwOnUndefined` sees only what is printed as it
 * is: `a ~ b`, `a + b`, `a | filter`, `if a` and `for x in a` go on with `undefined`. Compiled templates read all
 * values through these two functions of its run-time, which is shared by all environments of the process. Parameters
 * of a macro and loop variables are read directly: those are still seen only where they are printed.
 */
function readStrictly() {
  Object.assign(nunjucks.runtime, {
    contextOrFrameLookup: (context: Scope, frame: Scope, name: string) =>
      present(frame.lookup(name) ?? context.lookup(name), name),
    memberLookup: (from: unknown, key: string) =>
      present(Object.getOwnPropertyDescriptor(from, key)?.value, key),
  })
}

type Scope = { lookup(name: string): unknown }

function present(value: unknown, name: string): unknown {
  if (value === undefined || value === null)
    throw new Error(`the template needs ${name}, which was not given`)
  return value
}
