import { createSocket, type Socket } from 'node:dgram'
import { chance, type Random } from '../fuzz/random.js'

export type Mischief = { duplicate: number; reorder: number } // percent of the packets

const HELD = 20 // ms until a packet that waits to be overtaken goes anyway

/** Passes packets on, some twice, some after the one that follows them. */
function mangler(mischief: Mischief, random: Random, send: (bytes: Buffer) => void) {
  let held: Buffer | undefined
  const release = () => {
    if (held) send(held)
    held = undefined
  }
  return (bytes: Buffer) => {
    if (!held && random.below(100) < mischief.reorder) {
      held = bytes
      setTimeout(release, HELD)
      return
    }
    send(bytes)
    if (random.below(100) < mischief.duplicate) send(bytes)
    release()
  }
}

/** A TFTP relay on 127.0.0.1 that plays tricks in both directions. The client sees one transfer id, ours. */
export async function startRelay(server: number, mischief: Mischief, seed: number) {
  const random = chance(seed)
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
      random,
      bytes => sockets.has(down) && down.send(bytes, client, '127.0.0.1'),
    )
    const toServer = mangler(mischief, random, bytes => sockets.has(up) && up.send(bytes, tid, '127.0.0.1'))
    up.on('message', (bytes, from) => {
      tid = from.port
      toClient(bytes)
    })
    down.on('message', toServer)
    return request => {
      up.send(request, server, '127.0.0.1')
      if (random.below(100) < mischief.duplicate) up.send(request, server, '127.0.0.1')
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
