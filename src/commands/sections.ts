import { clean, record } from './render.js'

/** One labelled value. `shown` replaces the exact value for people. */
export type Field = readonly [
  label: string,
  value: string | number | boolean | undefined,
  shown?: string | undefined,
]
/** One thing that a machine or an instance has: its kind, and what is known of it; or a list of such, one a row. */
export type Thing =
  | { kind: string; fields: readonly Field[] }
  | { kind: string; rows: readonly (readonly string[])[] }

/** Positions stay the same whether a value is known or not, so that `cut -f` works. */
export const asRecords = (things: readonly Thing[]) =>
  things.flatMap(thing => rowsOf(thing).map(row => record(thing.kind, row))).join('\n')

const rowsOf = (thing: Thing) =>
  'rows' in thing ? thing.rows : [thing.fields.map(([, value]) => String(value ?? ''))]

export function asSections(things: readonly Thing[]): string {
  const labels = things.flatMap(thing =>
    'fields' in thing ? thing.fields.map(([label]) => label.length) : [],
  )
  const width = Math.max(...labels)
  return things.flatMap(thing => section(thing, width)).join('\n')
}

function section(thing: Thing, width: number): string[] {
  const lines =
    'rows' in thing
      ? thing.rows.map(row => row.map(clean).join('  '))
      : thing.fields.flatMap(([label, value, shown]) =>
          value === undefined || value === ''
            ? []
            : `${label.padEnd(width)}  ${clean(shown ?? String(value))}`,
        )
  return lines.length > 0 ? [thing.kind, ...lines.map(line => `  ${line}`)] : []
}
