import type { FileHandle } from 'node:fs/promises'
import { pieceFloor, type ReadPiece } from './mirrorPieces.js'

/**
 * A download that is under way, and that any number of clients read at once. Whoever keeps up is lent the very buffers
 * that came from the mirror; who is slower, or came later, reads from the disk.
 */
export type Growing = {
  /** Takes the next bytes: to all readers at once, and to the disk, for which this waits when it falls behind. */
  add(chunk: Buffer): Promise<void>
  /** All bytes are there; resolves when they are written. */
  end(): Promise<void>
  /** No more bytes come; readers get what there is, and then this. */
  fail(failure: Error): void
  received(): number
  /** From `start` to `end`, both included, or to where the download ends. */
  bytes(start: number, end?: number): AsyncGenerator<Buffer>
  /** The reader, or the download itself, is done with it; after the last one the file is closed. */
  acquire(): void
  release(): Promise<void>
}

/** Our own disk failed, not the mirror: the rest can still be had from there. */
export class DiskFailure extends Error {}

/** What is lent: the last bytes received, in few enough buffers that they stay a small part of the memory. */
const LENT_BYTES = 4 * 1024 * 1024
const LENT_CHUNKS = 512

/** How far the disk may lag behind the mirror: one write of many small buffers costs little more than of one. */
const BEHIND_BYTES = 1024 * 1024

type Chunk = { from: number; bytes: Buffer }

/** @param offset of the file's first byte in `handle` */
export function createGrowing(id: string, handle: FileHandle, offset: number, readPiece: ReadPiece): Growing {
  const lent: Chunk[] = []
  let [received, written, lentBytes, users] = [0, 0, 0, 1]
  let waiting: Buffer[] = []
  let writing: Promise<void> | undefined
  let broken: DiskFailure | undefined
  let over: 'ended' | Error | undefined
  let wake = () => {}
  let progress = new Promise<void>(resolve => (wake = resolve))

  function tell() {
    wake()
    progress = new Promise<void>(resolve => (wake = resolve))
  }

  function lend(chunk: Buffer) {
    lent.push({ from: received, bytes: chunk })
    lentBytes += chunk.length
    while (lentBytes > LENT_BYTES || lent.length > LENT_CHUNKS) {
      const [oldest] = lent
      if (!oldest || oldest.from + oldest.bytes.length > written) return // nowhere else yet
      lentBytes -= oldest.bytes.length
      lent.shift()
    }
  }

  async function writeAll() {
    while (waiting.length > 0 && !broken) {
      const batch = waiting
      waiting = []
      const done = await writeFully(handle, batch, offset + written)
      if (typeof done === 'number') written += done
      else broken = done
    }
  }

  /** One write at a time. */
  function writeOn(): Promise<void> {
    writing ??= writeAll().finally(() => (writing = undefined))
    return writing
  }

  /** The lent buffer that holds this byte; they follow one another without gaps. */
  function lentAt(at: number): Buffer | undefined {
    let [low, high] = [0, lent.length - 1]
    while (low <= high) {
      const middle = (low + high) >> 1
      const { from, bytes } = lent[middle] as Chunk
      if (at < from) high = middle - 1
      else if (at >= from + bytes.length) low = middle + 1
      else return bytes.subarray(at - from)
    }
    return undefined
  }

  async function some(at: number, end: number): Promise<Buffer> {
    const near = lentAt(at)
    if (near) return near.subarray(0, end - at)
    if (at >= written) throw new DiskFailure('the disk failed')
    const size = pieceFloor(written)
    if (at < size) return readPiece({ id, handle, offset, size }, at, end)
    const rest = Buffer.allocUnsafeSlow(Math.min(written, end) - at)
    const { bytesRead } = await handle.read(rest, 0, rest.length, offset + at)
    return rest.subarray(0, bytesRead)
  }

  return {
    received: () => received,
    acquire: () => void users++,
    async release() {
      if (--users === 0) await handle.close()
    },
    async add(chunk) {
      lend(chunk)
      waiting.push(chunk)
      received += chunk.length
      tell()
      const round = writeOn()
      if (received - written > BEHIND_BYTES) await round
      if (broken) throw broken
    },
    async end() {
      over = 'ended'
      tell()
      await writeOn()
      if (broken) throw broken
    },
    fail(failure) {
      over = failure
      tell()
    },
    async *bytes(start, end = Number.MAX_SAFE_INTEGER) {
      for (let at = start; at <= end; ) {
        if (at < received) {
          const piece = await some(at, Math.min(end + 1, received))
          at += piece.length
          yield piece
        } else if (over === 'ended') return
        else if (over) throw over
        else await progress
      }
    },
  }
}

/** @returns how many bytes that were */
async function writeFully(handle: FileHandle, batch: readonly Buffer[], position: number) {
  const size = batch.reduce((sum, bytes) => sum + bytes.length, 0)
  try {
    const { bytesWritten } = await handle.writev(batch, position)
    if (bytesWritten === size) return size
    const rest = Buffer.concat(batch).subarray(bytesWritten) // a disk that is nearly full takes a part
    const again = await handle.write(rest, 0, rest.length, position + bytesWritten)
    if (again.bytesWritten === rest.length) return size
  } catch (cause) {
    return new DiskFailure('cannot write to the mirror cache', { cause })
  }
  return new DiskFailure('the disk of the mirror cache is full')
}
