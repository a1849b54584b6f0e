import { basename } from 'node:path'
import { COMMANDS } from './commands.js'

/** A link `muster-scout-build` to this program is the command `scout build`; so is its ancestor's, `metaleuca-…`. */
export function wordsOf([, program = '', ...words]: readonly string[]): string[] {
  const linked = /^(?:muster|metaleuca)-(.+)$/.exec(basename(program))?.[1]
  const meant = COMMANDS.flatMap(({ name, aliases = [] }) => [name, ...aliases]).find(
    name => name.replace(' ', '-') === linked,
  )
  return meant === undefined ? words : [...meant.split(' '), ...words]
}
