import { copyFile, mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './process.js'

/** What GRUB on the bootable disk prints on the serial console: the sign that the machine runs its own disk. */
export const DISK_LINE = 'muster lab: this is the local disk'

const CACHE = '.cache/lab'
/** Where the EFI system partition lies, in sectors of 512 bytes. GRUB for BIOS has the gap before it. */
const ESP = { start: 2048, sectors: 8192 }

/** Makes an empty disk, sparse: it takes room only as it is written. `size` in bytes. */
export async function emptyDisk(path: string, size: number): Promise<string> {
  await run('truncate', ['-s', String(size), path])
  return path
}

/** Makes a disk that boots GRUB on BIOS and on UEFI, which prints {@link DISK_LINE} and stays there. */
export async function bootableDisk(path: string, size: number): Promise<string> {
  await copyFile(await bootableTemplate(), path)
  return await emptyDisk(path, size)
}

/** The image that bootable disks are copied from: made once, kept in the cache. */
export async function bootableTemplate(): Promise<string> {
  const image = join(CACHE, 'grub-disk-2.img')
  if (await stat(image).catch(() => undefined)) return image
  await mkdir(CACHE, { recursive: true })
  const folder = await mkdtemp(join(CACHE, 'making-'))
  try {
    await rename(await makeTemplate(folder), image)
    return image
  } finally {
    await rm(folder, { recursive: true })
  }
}

const GRUB_CONFIG = `serial --unit=0 --speed=115200
terminal_output serial
echo '${DISK_LINE}'
sleep 3600
`

async function makeTemplate(folder: string): Promise<string> {
  const image = join(folder, 'disk.img')
  await run('truncate', ['-s', String((ESP.start + ESP.sectors) * 512), image])
  const table = `label: dos\nstart=${ESP.start}, size=${ESP.sectors}, type=ef, bootable`
  await run('sfdisk', ['--quiet', image], { input: table })
  await writeFile(join(folder, 'grub.cfg'), GRUB_CONFIG)
  await installBios(folder, image)
  await installUefi(folder, image)
  return image
}

async function makeImage(folder: string, target: string, output: string, modules: string[]): Promise<string> {
  const file = join(folder, output)
  const config = join(folder, 'grub.cfg')
  const wanted = ['serial', 'terminal', 'echo', 'sleep', ...modules]
  await run('grub-mkimage', ['-O', target, '-p', '/', '-c', config, '-o', file, ...wanted])
  return file
}

/** boot.img loads sector 1, and the core image reads its rest from sector 2 on: what both do unpatched. */
async function installBios(folder: string, image: string): Promise<void> {
  const core = await makeImage(folder, 'i386-pc', 'core.img', ['biosdisk'])
  const write = (from: string, ...rest: string[]) =>
    run('dd', [`if=${from}`, `of=${image}`, 'conv=notrunc', 'status=none', ...rest])
  await write('/usr/lib/grub/i386-pc/boot.img', 'bs=440', 'count=1') // the partition table begins at byte 446
  await write(core, 'bs=512', 'seek=1')
}

async function installUefi(folder: string, image: string): Promise<void> {
  const loader = await makeImage(folder, 'x86_64-efi', 'BOOTX64.EFI', [])
  const partition = `${image}@@${ESP.start * 512}`
  await run('mformat', ['-i', partition, '-T', String(ESP.sectors), '-h', '16', '-s', '63', '::'])
  await run('mmd', ['-i', partition, '::/EFI', '::/EFI/BOOT'])
  await run('mcopy', ['-i', partition, loader, '::/EFI/BOOT/BOOTX64.EFI'])
}
