import { createSocket, type Socket } from 'node:dgram'

/**
 * Four sockets, because Linux gives broadcasts to wildcard sockets only and routes a broadcast by the address
 * that its sender is bound to, and because Node tells no packet's interface:
 *   wildcard   0.0.0.0:67    receives broadcasts
 *   unicast    ADDRESS:67    receives unicasts, answers relay agents
 *   broadcast  ADDRESS:67    connected to 255.255.255.255:68, so that it receives nothing and a send needs no
 *                            address to be parsed or looked up
 *   pxe        ADDRESS:4011  receives and answers PXE requests
 */
export type DhcpSockets = {
  readonly wildcard: Socket
  readonly unicast: Socket
  readonly broadcast: Socket
  readonly pxe: Socket
  close(): Promise<void>
}

const ANY_ADDRESS = '0.0.0.0'
export const BROADCAST_ADDRESS = '255.255.255.255'

/** Rejects with the system's error (`EADDRINUSE`, `EACCES`, with `port`), and leaves nothing open then. */
export async function openDhcpSockets(o: {
  readonly address: string
  readonly dhcpPort: number
  readonly pxePort: number
  readonly clientPort: number
}): Promise<DhcpSockets> {
  const opened: Socket[] = []
  const open = async (address: string, port: number, shared: boolean) => {
    const socket = await bound(address, port, shared)
    opened.push(socket)
    return socket
  }
  const close = async () => {
    await Promise.all(opened.map(socket => new Promise<void>(done => socket.close(() => done()))))
  }
  try {
    const wildcard = await open(ANY_ADDRESS, o.dhcpPort, true) // beside a DHCP server on the same host
    const unicast = await open(o.address, o.dhcpPort, true)
    const broadcast = await open(o.address, o.dhcpPort, true)
    const pxe = await open(o.address, o.pxePort, false) // two boot servers on one address make no sense
    await connectToAll(broadcast, o.clientPort)
    return { wildcard, unicast, broadcast, pxe, close }
  } catch (error) {
    await close()
    throw error
  }
}

function bound(address: string, port: number, shared: boolean): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr: shared })
  return new Promise((resolve, reject) => {
    socket.once('error', error => {
      socket.close()
      reject(error)
    })
    socket.bind(port, address, () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
  })
}

function connectToAll(socket: Socket, port: number): Promise<void> {
  socket.setBroadcast(true)
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.connect(port, BROADCAST_ADDRESS, () => {
      socket.off('error', reject)
      resolve()
    })
  })
}
