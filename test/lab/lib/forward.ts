import { connect, createServer } from 'node:net'
import { pipeline } from 'node:stream'

/**
 * usage: forward.ts PORT SOCKET   Hands each connection to 127.0.0.1:PORT of the namespace it runs in over to a Unix
 * socket, which namespaces share. It ends with its namespace, as everything in there does: see supervisor.sh.
 */
const [port, socket = ''] = process.argv.slice(2)

const server = createServer(from => {
  const to = connect(socket)
  for (const [source, sink] of [
    [from, to],
    [to, from],
  ] as const)
    pipeline(source, sink, () => {}) // either end may hang up
})
server.listen(Number(port), '127.0.0.1', () => console.log('forwarding'))
