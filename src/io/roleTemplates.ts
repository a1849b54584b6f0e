import nunjucks from 'nunjucks'
import type { NodeFacts, Role, RoleFile, Step, StepInput, Wanted } from '../core/role.js'
import type { RoleFields } from '../core/roleSchema.js'
import { PRELUDE } from '../core/shell.js'
import type { Values } from './templates.js'

/** A text of a role.yaml, compiled. Throws an Error `ROLE: FIELD: what`. */
type Text = (values: Values) => string

type Field = readonly (string | number)[]

/** A template that does not compile or complains; `field` says where in the file. */
export class RoleProblem extends Error {
  constructor(
    readonly field: Field,
    role: string,
    readonly what: string,
    options?: ErrorOptions,
  ) {
    super(`role ${role}: ${field.join('.')}: ${what}`, options)
  }
}

/**
 * The role that these fields describe: every text is compiled now and rendered when it is asked for. Text that is
 * one word ending in `.njk` is the name of a template beside the role.yaml.
 * @throws RoleProblem on a text that does not compile
 */
export function compileRole(name: string, fields: RoleFields, env: nunjucks.Environment): Role {
  const text = (field: Field, source: string, form?: RegExp): Text =>
    compile({ name, field, source, env, form })
  const truth = (field: Field, source: string) => {
    const test = text(field, `{% if ${source} %}yes{% endif %}`)
    return (values: Values) => test(values) === 'yes'
  }
  const factNames = Object.keys(fields.facts)
  const packageNames = [...new Set(Object.values(fields.packages).flat())]
  const valuesOf = (wanted: Wanted, facts: NodeFacts): Values =>
    roleValues(wanted, {
      settings: fields.settings,
      os: pick(facts, 'os.', ['id', 'version', 'manager', 'architecture', 'kernel']),
      facts: pick(facts, `${name}.`, factNames),
      packages: pick(facts, 'package.', packageNames),
    })

  const applies = truth(['applies'], fields.applies)
  const waits = fields.waits.map(({ when, for: what }, n) => ({
    when: truth(['waits', n, 'when'], when),
    what: text(['waits', n, 'for'], what),
  }))
  const facts = Object.entries(fields.facts).map(
    ([key, script]) => [key, text(['facts', key], script)] as const,
  )
  const waiting = (values: Values) => waits.find(({ when }) => when(values))
  const files = fields.files.map((file, n) => ({
    ...{ isDue: truth(['files', n, 'when'], file.when), goes: file.absent === true },
    ...compileFile(file, (key, source, form) => text(['files', n, key], source, form)),
  }))
  const steps = fields.steps.map((step, n) => ({
    when: truth(['steps', n, 'when'], step.when),
    make: compileStep(name, step, (key, source) => text(['steps', n, key], source)),
  }))
  const check = text(['check'], fields.check)

  return {
    name,
    ...{ description: fields.description, order: fields.order, publishes: fields.publishes },
    packages: fields.packages,
    applies: wanted => applies(valuesOf(wanted, {})),
    waits(wanted, known) {
      const values = valuesOf(wanted, known)
      return waiting(values)?.what(values)
    },
    factScripts: wanted =>
      Object.fromEntries(facts.map(([key, script]) => [key, script(valuesOf(wanted, {}))])),
    paths: wanted => files.map(file => file.path(valuesOf(wanted, {}))),
    files(wanted, known) {
      const values = valuesOf(wanted, known)
      const some = waiting(values) ? files.filter(({ goes }) => goes) : files
      return some.flatMap(({ isDue, make }) => (isDue(values) ? make(values) : []))
    },
    steps(wanted, known) {
      const values = valuesOf(wanted, known)
      return steps.flatMap(step => (step.when(values) ? step.make(values) : []))
    },
    check: (wanted, known) => check(valuesOf(wanted, known)),
  }
}

type Compile = (key: string, source: string, form?: RegExp) => Text

function compileFile(fields: RoleFields['files'][number], text: Compile) {
  const path = text('path', fields.path, PATH)
  const content = fields.content === undefined ? undefined : text('content', fields.content)
  const [owner, after] = [text('owner', fields.owner, OWNER), text('after', fields.after)]
  return {
    path,
    make(values: Values): RoleFile {
      const user = owner(values)
      return {
        path: path(values),
        ...(content && { content: content(values) }),
        mode: fields.mode,
        owner: user.includes(':') ? user : `${user}:${user}`,
        after: after(values),
      }
    },
  }
}

/** What files may be called and whose they may be: both become words of scripts and lines of facts. */
const PATH = /^(\/(?!\.{1,2}(\/|$))[\w.@%+-]{1,100}){1,12}$/
const OWNER = /^[a-z_][a-z0-9_-]{0,31}(:[a-z_][a-z0-9_-]{0,31})?$/

function compileStep(role: string, fields: RoleFields['steps'][number], text: Compile) {
  const [reason, script] = [text('reason', fields.reason), text('script', fields.script)]
  const input = fields.input && compileInput(fields.input, text)
  return (values: Values): Step => ({
    id: `${role}/${fields.id}`,
    reason: reason(values)
      .replace(/\p{C}+/gu, ' ')
      .slice(0, 300),
    script: PRELUDE + script(values),
    ...(input && { input: input(values) }),
    timeout: fields.timeout,
    tries: fields.tries,
  })
}

type InputFields = NonNullable<RoleFields['steps'][number]['input']>

function compileInput(fields: InputFields, text: Compile): (values: Values) => StepInput {
  if (fields.kind === 'image') return () => fields
  const request = text('input.request', fields.request)
  return values => ({ kind: 'certificate', request: request(values) })
}

type Source = {
  name: string
  field: Field
  source: string
  env: nunjucks.Environment
  form: RegExp | undefined // what the rendered text has to match
}

function compile({ name, field, source, env, form }: Source): Text {
  const problem = (cause: unknown) => new RoleProblem(field, name, tidy((cause as Error).message), { cause })
  try {
    const template = /^[\w-]+(\.[\w-]+)*\.njk$/.test(source)
      ? env.getTemplate(source, true)
      : new nunjucks.Template(source, env, undefined, true)
    return values => {
      try {
        const made = template.render(values)
        if (form?.test(made) ?? true) return made
        throw new Error(`cannot be ${JSON.stringify(made.slice(0, 200))}`)
      } catch (cause) {
        throw problem(cause)
      }
    }
  } catch (cause) {
    throw problem(cause)
  }
}

/** Nunjucks says where on lines of their own, and `(unknown path)` where there is no file. */
const tidy = (message: string) =>
  message
    .replaceAll('(unknown path)', '')
    .replace(/\b(Template render )?[Ee]rror: /g, '')
    .replace(/\s+/g, ' ')
    .trim()

/** Those of the names that are known, and the others empty. */
const pick = (facts: NodeFacts, prefix: string, names: readonly string[]) =>
  Object.fromEntries(names.map(name => [name, facts[prefix + name] ?? '']))

/** What templates are given: all of `wanted`, the time in seconds since 1970, and what belongs to the role. */
function roleValues({ now, ...wanted }: Wanted, own: Values): Values {
  return { ...wanted, ...own, now: Math.floor(now.getTime() / 1000) }
}
