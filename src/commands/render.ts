export const OUTPUTS = ['table', 'text', 'json'] as const
export type Output = (typeof OUTPUTS)[number]

export const outputOption = {
  output: {
    type: 'string',
    requiresArg: true,
    choices: OUTPUTS,
    default: 'table',
    describe: 'table for people, text (tab-separated) or json for programs',
  },
} as const

/** Values come from machines that nobody vouches for: no tab, line end or escape sequence gets to a terminal. */
export const clean = (text: string) => text.replace(/\p{Cc}+/gu, ' ')

/** Columns as wide as their widest value; the last one is not padded. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head.map(h => h.toUpperCase()), ...rows.map(row => row.map(value => clean(value) || '-'))]
  const widths = head.map((_, i) => Math.max(...all.map(row => row[i]?.length ?? 0)))
  return all
    .map(row =>
      row
        .map((v, i) => v.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** One record a line, its kind first, as euca2ools prints: an absent value is an empty field. */
export const record = (kind: string, values: readonly string[]) => [kind, ...values.map(clean)].join('\t')

export const json = (value: unknown) => JSON.stringify(value, null, 2)
