import { link, readFile, rm, writeFile } from 'node:fs/promises'

/** The text of a file; undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw cause
  }
}

/**
 * A file that is made once. Written under another name and linked, so that a kill at any time leaves a whole file or
 * none.
 * @throws Error (rejects) when it cannot be written, or is there already
 */
export async function writeOnce(path: string, text: string, mode: number): Promise<void> {
  const draft = `${path}.${process.pid}`
  try {
    await writeFile(draft, text, { mode, flush: true })
    await link(draft, path)
  } finally {
    await rm(draft, { force: true })
  }
}
