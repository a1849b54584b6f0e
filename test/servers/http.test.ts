import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { run } from '../fuzz/http.js'
import { ask, startServices } from '../support/http.js'
import { get } from '../support/mirror.js'

/** A connection that says what it is told to; all it hears is in `heard`, and its end is awaited with `ended`. */
async function open(t: Test, port: number) {
  const socket = connect(port, '127.0.0.1')
  const heard: Buffer[] = []
  socket.on('data', data => heard.push(data))
  socket.on('error', () => {}) // a reset is one way to be cut
  const ended = new Promise(resolve => socket.once('close', resolve)) // `once` would reject after a reset
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  return { socket, ended, heard: () => Buffer.concat(heard).toString() }
}

/** One byte now and then, for ever: what a client does that wants to hold a connection. */
function drip(t: Test, socket: Socket, byte: string) {
  const timer = setInterval(() => socket.write(byte), 20)
  t.teardown(() => clearInterval(timer))
}

t.test('headers that come byte by byte are cut', async t => {
  const { port } = await startServices(t, { limits: { headers: 150, request: 300 } })
  const { socket, ended, heard } = await open(t, port)
  socket.write('GET /boot/ipxe HTTP/1.1\r\nX: ')
  drip(t, socket, 'x')
  await ended
  t.match(heard(), /^(HTTP\/1\.1 408 |$)/)
})

t.test('a body that comes byte by byte is cut', async t => {
  const { port } = await startServices(t, { limits: { headers: 150, request: 300 } })
  const { socket, ended } = await open(t, port)
  const token = '0123456789abcdef0123456789abcdef'
  socket.write(
    `POST /scout/v1/facts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Length: 9999\r\n\r\n`,
  )
  drip(t, socket, ' ')
  await ended
})

t.test('a client that reads nothing is cut', async t => {
  const bytes = Buffer.alloc(32 * 1024 * 1024) // more than the sockets between hold
  const limits = { idle: 200 }
  const { port, boot, connections } = await startServices(t, { limits, scoutFile: async () => ({ bytes }) })
  const { socket, ended } = await open(t, port)
  socket.pause()
  socket.write('GET /boot/scout/initrd HTTP/1.1\r\nHost: x\r\n\r\n')
  const other = await get(`${boot}/healthz`, { connection: 'close' })
  t.equal(other.status, 200, 'others are served meanwhile')
  for (const end = Date.now() + 20_000; connections() > 0 && Date.now() < end; ) await pause(20)
  t.equal(connections(), 0)
  socket.resume()
  await ended
  t.ok(socket.bytesRead < bytes.length)
})

t.test('more connections than one source may hold are cut, and free again when closed', async t => {
  const { port, boot } = await startServices(t, { limits: { perSource: 2 } })
  const [first] = [await open(t, port), await open(t, port)]
  await (await open(t, port)).ended
  first.socket.destroy()
  await first.ended
  t.equal((await ask(`${boot}/healthz`)).status, 200)
})

for (const [name, request, status] of [
  ['no HTTP', 'MUSTER\r\n\r\n', 400],
  ['headers too long', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(9000)}\r\n\r\n`, 431],
  ['two lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400],
  [
    'a length and chunks',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    400,
  ],
] as const)
  t.test(`${name}: ${status}`, async t => {
    const { port } = await startServices(t)
    const { socket, ended, heard } = await open(t, port)
    socket.write(request)
    await ended
    t.ok(heard().startsWith(`HTTP/1.1 ${status} `), heard())
  })

t.test('close lets an answer under way finish and takes no more', async t => {
  const { port, boot, close } = await startServices(t)
  const kept = await open(t, port)
  kept.socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(kept.socket, 'data')
  await close()
  await kept.ended
  await t.rejects(ask(`${boot}/healthz`))
})

t.test('a port that is taken rejects with the code', async t => {
  const { port } = await startServices(t)
  await t.rejects(startServices(t, { port }), { code: 'EADDRINUSE', port })
})

t.test('mutated input of machines: a short fuzz run', async t => {
  const { packets, outcomes, slowestMs } = await run(1, 1_000)
  t.equal(packets, 1_000)
  t.ok(outcomes.query && outcomes.facts && outcomes.range, 'some input stays valid')
  t.ok(slowestMs < 10_000, `no input takes long: ${slowestMs} ms`)
})
