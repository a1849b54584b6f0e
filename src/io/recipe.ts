import type { Hash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Words of a recipe's list, comments left out. */
export const wordsOf = (list: string): string[] =>
  list.split('\n').flatMap(line => line.replace(/#.*/, '').trim() || [])

/** As one word of a shell. */
export const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

/** Adds the paths and contents of all files below a folder. */
export function addFolder(hash: Hash, folder: string): Hash {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  for (const path of files.map(entry => join(entry.parentPath, entry.name)).sort())
    hash.update(`\0${path.slice(folder.length)}\0`).update(readFileSync(path))
  return hash
}

/** A setup hook: packages of Debian 12 still unpack into /bin and /lib; the links must be there before them. */
export const MERGE_USR = `for d in bin sbin lib lib64; do mkdir -p "$1/usr/$d"; ln -sfn "usr/$d" "$1/$d"; done`
