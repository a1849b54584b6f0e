/**
 * As one word of a shell, whatever it holds: nothing is special between single quotes, not even a newline.
 * @throws Error on a NUL, which no shell can pass on
 */
export function quote(text: string): string {
  if (text.includes('\0')) throw new Error('a value for the shell holds a NUL, which no shell can pass on')
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** The head of every script for a node: the first command that fails ends it. */
export const PRELUDE = `set -eu
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
umask 022
`
