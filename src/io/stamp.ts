import { stat } from 'node:fs/promises'

/** Differs when the file is another one than before, or was written to, or is gone. */
export async function stampOf(path: string): Promise<string> {
  const { mtimeMs, ino, size } = await stat(path).catch(() => ({ mtimeMs: 0, ino: 0, size: 0 }))
  return `${path} ${mtimeMs} ${ino} ${size}`
}
