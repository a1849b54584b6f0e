/** One line of the benches' table. `ratio` is ours to the peer's, both measured in the same run. */
export type Row = {
  name: string
  ours: number
  unit: string
  peer?: number
  peerName?: string
  /** What the ratio, or our figure where there is no peer, has to keep to. */
  mark?: { atLeast: number } | { atMost: number }
}

export const ratioOf = (row: Row) => (row.peer ? row.ours / row.peer : undefined)

export function verdict(row: Row): 'ok' | 'MISSED' | '' {
  const figure = ratioOf(row) ?? row.ours
  if (!row.mark) return ''
  const kept = 'atLeast' in row.mark ? figure >= row.mark.atLeast : figure <= row.mark.atMost
  return kept ? 'ok' : 'MISSED'
}

const short = (n: number) =>
  Math.abs(n) >= 100 ? n.toFixed(0) : Math.abs(n) >= 10 ? n.toFixed(1) : n.toFixed(2)

function markText(row: Row): string {
  if (!row.mark) return ''
  return 'atLeast' in row.mark ? `>= ${row.mark.atLeast}` : `<= ${row.mark.atMost}`
}

/** The rows as a table for people; columns are as wide as their widest cell. */
export function table(rows: Row[]): string {
  const head = ['what', 'ours', 'peer', 'unit', 'ratio', 'mark', '']
  const cells = rows.map(row => {
    const ratio = ratioOf(row)
    const peer = row.peer === undefined ? '' : `${short(row.peer)} ${row.peerName ?? ''}`.trim()
    return [row.name, short(row.ours), peer, row.unit, ratio ? short(ratio) : '', markText(row), verdict(row)]
  })
  const widths = head.map((_, i) => Math.max(...[head, ...cells].map(line => (line[i] ?? '').length)))
  const print = (line: string[]) =>
    line
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd()
  return [head, ...cells].map(print).join('\n')
}
