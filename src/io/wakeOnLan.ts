import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Mac } from '../wire/mac.js'
import { magicPacket } from '../wire/magicPacket.js'

/** Asks machines to switch themselves on. Rejects when nothing can be sent. */
export type Wake = (macs: readonly Mac[]) => Promise<void>

const PORT = 9 // discard: whoever is awake throws it away

/**
 * Magic packets as broadcasts on the LAN with this address. The limited broadcast leaves by the interface of the address
 * that its socket is bound to; from 0.0.0.0 it would leave by the default route.
 */
export const wakeOn =
  (address: string): Wake =>
  async macs => {
    const socket = createSocket('udp4')
    try {
      socket.bind(0, address)
      await once(socket, 'listening') // rejects with the socket's error
      socket.setBroadcast(true)
      for (const mac of macs) await send(socket, magicPacket(mac))
    } catch (cause) {
      throw new Error(`cannot send magic packets from ${address}: ${(cause as Error).message}`, { cause })
    } finally {
      socket.close()
    }
  }

const send = (socket: ReturnType<typeof createSocket>, packet: Buffer) =>
  new Promise<void>((resolve, reject) => {
    socket.send(packet, PORT, '255.255.255.255', error => (error ? reject(error) : resolve()))
  })
