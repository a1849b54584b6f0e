import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Config } from '../config.js'

/**
 * Opens every port of the daemon in the way that its listener will, and closes it again. Rejects with the first
 * system error, which names the port: better before minutes of preparation than after them.
 */
export async function probePorts(c: Config): Promise<void> {
  await udp('0.0.0.0', c.dhcpPort, true)
  await udp(c.address, c.pxePort, false)
  await udp(c.address, c.tftpPort, false)
  await tcp(c.address, c.httpPort)
  await tcp(c.apiAddress, c.apiPort)
}

/** `shared`: beside another DHCP server of this host, when that one allows it too. */
async function udp(address: string, port: number, shared: boolean): Promise<void> {
  const socket = createSocket({ type: 'udp4', reuseAddr: shared })
  socket.bind(port, address)
  await once(socket, 'listening')
  socket.close()
  await once(socket, 'close')
}

async function tcp(host: string, port: number): Promise<void> {
  const server = createServer().listen({ host, port })
  await once(server, 'listening')
  server.close()
  await once(server, 'close')
}
