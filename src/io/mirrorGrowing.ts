import type { FileHandle } from 'node:fs/promises'
import { pieceFloor, type ReadPiece } from './mirrorPieces.js'

/**
 * A download that is under way, and that any number of clients read at once. Whoever keeps up is lent the very buffers
 * that came from the mirror; who is slower, or came later, reads from the disk.
 */
export type Growing = {
  /** Takes the next bytes: to all readers at once, and to the disk, which this waits for. */
  add(chunk: Buffer): Promise<void>
  end(): void
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

type Chunk = { from: number; bytes: Buffer }

/** @param offset of the file's first byte in `handle` */
export function createGrowing(id: string, handle: FileHandle, offset: number, readPiece: ReadPiece): Growing {
  const lent: Chunk[] = []
  let [received, written, lentBytes, users] = [0, 0, 0, 1]
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
    while (lentBytes > LENT_BYTES || lent.length > LENT_CHUNKS) lentBytes -= lent.shift()?.bytes.length ?? 0
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
      const at = received
      received += chunk.length
      tell()
      await writeFully(handle, chunk, offset + at)
      written = received
    },
    end() {
      over = 'ended'
      tell()
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

/** @throws DiskFailure (rejects) */
async function writeFully(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  try {
    for (let done = 0; done < bytes.length; )
      done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten
  } catch (cause) {
    throw new DiskFailure('cannot write to the mirror cache', { cause })
  }
}
