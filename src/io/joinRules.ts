import { readFile } from 'node:fs/promises'
import type { Logger } from 'pino'
import type { z } from 'zod'
import type { JoinRule } from '../core/joinRule.js'
import { joinRulesSchema, RULE_FIELDS } from '../core/joinRuleSchema.js'
import { didYouMean } from '../core/suggest.js'
import { stampOf } from './stamp.js'
import { complaint, fieldName, type Path, readYaml, valueAt, type Yaml } from './yamlFile.js'

/** The owner's join rules. A file with a mistake has none: which rule was meant to come first cannot be told. */
export type RulesFile = {
  readonly file: string
  readonly rules: readonly JoinRule[] // in order
  readonly problems: readonly string[] // each as `FILE:LINE: FIELD: what`
}

export type JoinRules = {
  /** Reads the file again when it has changed; the same value as before as long as it has not. */
  current(): Promise<RulesFile>
  /** What was read last. */
  last(): RulesFile
}

/** @param file may be absent: then there are no rules */
export function openJoinRules(file: string, log: Pick<Logger, 'info' | 'error'>): JoinRules {
  let known: { stamp: string; read: RulesFile } = { stamp: '', read: { file, rules: [], problems: [] } }

  return {
    last: () => known.read,
    current: async () => {
      const stamp = await stampOf(file)
      if (stamp === known.stamp) return known.read
      const read = await readRules(file)
      const isNews = [...known.read.rules, ...known.read.problems, ...read.rules].length > 0
      known = { stamp, read }
      const { rules, problems } = read
      if (problems.length > 0) log.error({ file, problems }, 'NO JOIN RULE APPLIES: their file is broken')
      else if (isNews) log.info({ file, rules: rules.map(({ name }) => name) }, 'join rules read')
      return read
    },
  }
}

async function readRules(file: string): Promise<RulesFile> {
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => cause)
  if (typeof text === 'string') return judgeRules(file, text)
  return { file, rules: [], problems: text.code === 'ENOENT' ? [] : [`${file}: ${text.message}`] }
}

/** The rules that a file holds, or all that is wrong with them. An empty file has none. */
export function judgeRules(file: string, text: string): RulesFile {
  const yaml = readYaml(file, text)
  if (yaml.problems.length > 0) return { file, rules: [], problems: yaml.problems }
  const value = yaml.value ?? []
  if (!Array.isArray(value))
    return {
      file,
      rules: [],
      problems: [`${file}:1: must be a list of rules, each beginning with "- name:"`],
    }
  const parsed = joinRulesSchema.safeParse(value)
  if (parsed.success) return { file, rules: parsed.data, problems: [] }
  return { file, rules: [], problems: parsed.error.issues.flatMap(issue => explain(file, yaml, issue)) }
}

function explain(file: string, yaml: Yaml, issue: z.core.$ZodIssue): string[] {
  const place = (path: Path, what: string) => `${file}:${yaml.line(path)}: ${fieldName(path)}: ${what}`
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map(key =>
      place([...issue.path, key], `there is no such field${didYouMean(key, RULE_FIELDS)}`),
    )
  return [place(issue.path, complaint(issue, valueAt(yaml.value, issue.path) !== undefined))]
}
