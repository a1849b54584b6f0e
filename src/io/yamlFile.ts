import { isMap, LineCounter, type Node, parseDocument } from 'yaml'
import type { z } from 'zod'

export type Path = readonly PropertyKey[]

/** A YAML file as it is written: its value unjudged, and where each part of it stands. */
export type Yaml = {
  readonly value: unknown // undefined when it is no YAML
  readonly problems: readonly string[] // of the YAML itself, each as `FILE:LINE: what`
  /** The line of a field, or of the nearest one around it that is there. */
  line(path: Path): number
}

export function readYaml(file: string, text: string): Yaml {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true })
  const at = (offset: number) => lines.linePos(offset).line
  const line = (path: Path) => at(offsetOf(document.contents, path))
  const problems = document.errors.map(e => `${file}:${at(e.pos[0])}: ${e.message}`)
  if (problems.length) return { value: undefined, problems, line }
  try {
    return { value: document.toJS(), problems, line }
  } catch (error) {
    // of an alias that has no anchor, or of aliases that multiply
    return { value: undefined, problems: [`${file}:1: ${(error as Error).message}`], line }
  }
}

function offsetOf(contents: unknown, path: Path): number {
  let offset = 0
  let node = contents
  for (const key of path) {
    const pair = isMap(node) ? node.items.find(item => String(item.key) === key) : undefined
    const item = pair?.value ?? child(node, key)
    const range = ((pair?.key ?? item) as Node | undefined)?.range
    if (!range) break
    offset = range[0]
    node = item
  }
  return offset
}

const child = (node: unknown, key: PropertyKey) =>
  (node as { get?(key: unknown, keep: true): unknown } | null)?.get?.(key, true)

/** `users[0].name` */
export const fieldName = (path: Path): string =>
  path.map((key, n) => (typeof key === 'number' ? `[${key}]` : `${n ? '.' : ''}${String(key)}`)).join('')

export const valueAt = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key],
    value,
  )

/** What an issue of zod says of a field; `present`: whether the field is there. */
export const complaint = (issue: z.core.$ZodIssue, present: boolean) =>
  present ? issue.message : `is missing: it ${issue.message}`
