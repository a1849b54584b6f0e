import { createSocket, type Socket } from 'node:dgram'

/** Chance as an argument: the same seed gives the same numbers in [0, 1). (mulberry32) */
export function random(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let n = Math.imul(state ^ (state >>> 15), 1 | state)
    n = (n + Math.imul(n ^ (n >>> 7), 61 | n)) ^ n
    return ((n ^ (n >>> 14)) >>> 0) / 2 ** 32
  }
}

export type Mischief = { duplicate: number; reorder: number } // probabilities per packet

const HELD = 20 // ms until a packet that waits to be overtaken goes anyway

/** Passes packets on, some twice, some after the one that follows them. */
function mangler(mischief: Mischief, next: () => number, send: (bytes: Buffer) => void) {
  let held: Buffer | undefined
  const release = () => {
    if (held) send(held)
    held = undefined
  }
  return (bytes: Buffer) => {
    if (!held && next() < mischief.reorder) {
      held = bytes
      setTimeout(release, HELD)
      return
    }
    send(bytes)
    if (next() < mischief.duplicate) send(bytes)
    release()
  }
}

/** A TFTP relay on 127.0.0.1 that plays tricks in both directions. The client sees one transfer id, ours. */
export async function startRelay(server: number, mischief: Mischief, seed: number) {
  const next = random(seed)
  const sockets = new Set<Socket>()
  const ways = new Map<number, (request: Buffer) => void>() // by the client's port

  async function open(port = 0): Promise<Socket> {
    const socket = createSocket('udp4')
    sockets.add(socket)
    await new Promise<void>(done => socket.bind(port, '127.0.0.1', done))
    return socket
  }

  async function way(client: number): Promise<(request: Buffer) => void> {
    const [down, up] = [await open(), await open()]
    let tid = server
    const toClient = mangler(
      mischief,
      next,
      bytes => sockets.has(down) && down.send(bytes, client, '127.0.0.1'),
    )
    const toServer = mangler(mischief, next, bytes => sockets.has(up) && up.send(bytes, tid, '127.0.0.1'))
    up.on('message', (bytes, from) => {
      tid = from.port
      toClient(bytes)
    })
    down.on('message', toServer)
    return request => {
      up.send(request, server, '127.0.0.1')
      if (next() < mischief.duplicate) up.send(request, server, '127.0.0.1')
    }
  }

  const listener = await open()
  listener.on('message', async (bytes, from) => {
    const known = ways.get(from.port) ?? (await way(from.port))
    ways.set(from.port, known)
    known(bytes)
  })
  return {
    port: listener.address().port,
    close() {
      for (const socket of sockets) socket.close()
      sockets.clear()
    },
  }
}
