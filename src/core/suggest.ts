/** Edits (insert, delete, replace, swap of neighbours) that lead from `a` to `b`. */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  const at = (i: number, j: number) => rows[i]?.[j] ?? Number.POSITIVE_INFINITY
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    rows.push(row)
    for (let j = 1; j <= b.length; j++) {
      const swapped =
        a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, replaced, swapped))
    }
  }
  return at(a.length, b.length)
}

/** The known word that was probably meant: at most a third of it differs. */
export function suggest(word: string, known: readonly string[]): string | undefined {
  const close = known
    .map(k => ({ k, edits: distance(word, k) }))
    .filter(({ k, edits }) => edits <= Math.max(1, Math.floor(k.length / 3)))
    .sort((a, b) => a.edits - b.edits)
  return close[0]?.k
}

/** ` (did you mean X?)`, or nothing. */
export function didYouMean(word: string, known: readonly string[], prefix = ''): string {
  const meant = suggest(word, known)
  return meant ? ` (did you mean ${prefix}${meant}?)` : ''
}
