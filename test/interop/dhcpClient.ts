import { createSocket } from 'node:dgram'

/**
 * A client on a LAN, as a process so that it can live in a namespace:
 *   dhcpClient.ts FROM-ADDRESS FROM-PORT TO-ADDRESS TO-PORT ANSWERS HEX
 * sends one packet and prints the answers that come to FROM-PORT, one JSON object a line, until there are as many
 * as asked for or two seconds are over.
 */
const [address = '', port = '0', to = '', toPort = '0', wanted = '1', packet = ''] = process.argv.slice(2)
const sender = createSocket({ type: 'udp4', reuseAddr: true })
const receiver = createSocket({ type: 'udp4', reuseAddr: true })
let answers = 0

function tell(bytes: Buffer, from: { address: string; port: number }): void {
  console.log(JSON.stringify({ from: `${from.address}:${from.port}`, hex: bytes.toString('hex') }))
  answers += 1
  if (answers === Number(wanted)) process.exit(0)
}
for (const socket of [sender, receiver]) socket.on('message', tell)

receiver.bind(Number(port), '255.255.255.255', () =>
  sender.bind(Number(port), address, () => {
    sender.setBroadcast(true)
    sender.send(Buffer.from(packet, 'hex'), Number(toPort), to)
    setTimeout(() => process.exit(0), 2000)
  }),
)
