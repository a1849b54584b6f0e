import { open } from 'node:fs/promises'

/** As the kernel's boot header tells: Linux, Documentation/arch/x86/boot.rst, kernel_version at 0x20e. */
export async function kernelVersion(path: string): Promise<string> {
  const file = await open(path)
  try {
    const { buffer } = await file.read(Buffer.alloc(0x10_200), 0, 0x10_200, 0)
    if (buffer.toString('latin1', 0x202, 0x206) !== 'HdrS') return 'unknown'
    const at = buffer.readUInt16LE(0x20e) + 0x200
    return buffer.toString('latin1', at, at + 80).split(/[ \0]/)[0] ?? 'unknown'
  } finally {
    await file.close()
  }
}
