import { createHash } from 'node:crypto'
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { bootableTemplate } from './disks.js'
import { overlaid } from './overlay.js'
import { readyScout } from './scout.js'

/** A small installation tree in the form of Rocky's, as no mirror of Rocky is in reach of a test. */
export type RockyTree = {
  /** The folder of the mirror, which has 9/BaseOS/x86_64/os in it. */
  readonly folder: string
  /** Makes the installer fail on the machine with this MAC, with these words; without them no more. */
  fault(mac: string, why?: string): Promise<void>
}

/** Where the stand-in's two programs go in the scout's root: in the place of the scout, and of what it is told by. */
const PROGRAMS = {
  'usr/lib/scout/scout': new URL('rocky/anaconda', import.meta.url),
  'usr/lib/scout/boot-mac': new URL('boot-mac', import.meta.url),
}

/**
 * Real: the form of .treeinfo with its checksums, a kernel and an initrd that boot, everything that crosses the
 * network. Stood in: the kernel is the scout's, and Anaconda is the shell script rocky/anaconda, which says what it
 * leaves out.
 */
export async function createRockyTree(labFolder: string): Promise<RockyTree> {
  const folder = resolve(labFolder, 'rocky')
  const os = join(folder, '9/BaseOS/x86_64/os')
  const boot = join(os, 'images/pxeboot')
  await mkdir(boot, { recursive: true })
  await mkdir(join(os, 'faults'))
  const scout = join(await readyScout(), 'scout')
  await copyFile(join(scout, 'vmlinuz'), join(boot, 'vmlinuz'))
  const initrd = await overlaid(join(scout, 'initrd'), PROGRAMS, join(folder, 'overlay'))
  await writeFile(join(boot, 'initrd.img'), initrd)
  await copyFile(await bootableTemplate(), join(os, 'images/stand-in.img'))
  await writeFile(
    join(os, '.treeinfo'),
    await treeinfo(os, ['images/pxeboot/initrd.img', 'images/pxeboot/vmlinuz']),
  )
  return {
    folder,
    async fault(mac, why) {
      const path = join(os, 'faults', mac.replaceAll(':', '-'))
      await (why === undefined ? rm(path) : writeFile(path, why))
    },
  }
}

async function treeinfo(os: string, files: readonly string[]): Promise<string> {
  const sums = files.map(async file => {
    const sum = createHash('sha256')
      .update(await readFile(join(os, file)))
      .digest('hex')
    return `${file} = sha256:${sum}`
  })
  return `[checksums]
${(await Promise.all(sums)).join('\n')}

[general]
arch = x86_64
family = Rocky Linux
name = Rocky Linux 9.4
version = 9.4

[images-x86_64]
initrd = images/pxeboot/initrd.img
kernel = images/pxeboot/vmlinuz

[release]
name = Rocky Linux
short = Rocky
version = 9.4
`
}
