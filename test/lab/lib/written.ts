import { open } from 'node:fs/promises'
import { run } from './process.js'

/** What stands on a machine's disk, read from its raw image, while the machine runs too. */

const SECTOR = 512
const GPT = { signature: 'EFI PART', id: 56 } // UEFI specification 2.10, section 5.3.2: the header in sector 1

/** The id of the partition table, 32 hex digits, made anew whenever a disk is partitioned; undefined without a table. */
export async function tableId(image: string): Promise<string | undefined> {
  const file = await open(image)
  try {
    const { buffer } = await file.read(Buffer.alloc(SECTOR), 0, SECTOR, SECTOR)
    const isTable = buffer.toString('latin1', 0, GPT.signature.length) === GPT.signature
    return isTable ? buffer.toString('hex', GPT.id, GPT.id + 16) : undefined
  } finally {
    await file.close()
  }
}

/** Where the partitions begin, in bytes. */
export async function partitionsOf(image: string): Promise<number[]> {
  const { partitiontable } = JSON.parse(await run('sfdisk', ['--json', image])) as {
    partitiontable: { partitions: { start: number }[] }
  }
  return partitiontable.partitions.map(({ start }) => start * SECTOR)
}

/** What blkid still knows at these places (bytes) of the image: `vfat`, `ext4`, `gpt`; nothing after a wipe. */
export async function signatures(image: string, places: readonly number[]): Promise<string[]> {
  const found: string[] = []
  for (const place of places) {
    // it ends with 2 where it finds nothing, or more than one thing
    const probe = `blkid --probe --output export --offset ${place} "$0" || [ $? = 2 ]`
    const said = await run('sh', ['-c', probe, image])
    found.push(...[...said.matchAll(/^(?:PT)?TYPE=(.*)$/gm)].map(([, type]) => `${type} at ${place}`))
  }
  return found
}
