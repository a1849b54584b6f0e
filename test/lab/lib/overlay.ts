import { chmod, copyFile, mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { run } from './process.js'

/**
 * The scout's initrd with another archive behind it, whose files go over those of the first: programs of the lab in the
 * place of the scout's own.
 * @param scout path of the scout's initrd
 * @param programs path in the initrd (`usr/lib/scout/scout`) -> the file that goes there
 * @param folder to work in; made, and left behind
 */
export async function overlaid(
  scout: string,
  programs: Readonly<Record<string, URL>>,
  folder: string,
): Promise<Buffer> {
  for (const [path, from] of Object.entries(programs)) {
    const to = join(folder, path)
    await mkdir(dirname(to), { recursive: true })
    await copyFile(from, to)
    await chmod(to, 0o755)
  }
  const archive = `${folder}.cpio`
  const pack = `cd "$0" && printf '%s\n' "$1" | busybox cpio -o -H newc >../"$2"`
  await run('sh', ['-c', pack, folder, Object.keys(programs).join('\n'), archive.split('/').at(-1) ?? ''])
  const first = await readFile(scout)
  const gap = Buffer.alloc(-first.length & 3) // Documentation/driver-api/early-userspace/buffer-format.rst
  return Buffer.concat([first, gap, await readFile(archive)])
}
