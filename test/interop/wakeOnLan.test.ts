import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { daemonIn, MACS } from '../control/life.js'
import { createLan, DAEMON_ADDRESS, type Lan } from '../lab/lib/namespaces.js'
import { run, runIn, startIn } from '../lab/lib/process.js'

/**
 * The magic packet on the wire, as tshark reads it at another end of the LAN. The daemon's host has its default route
 * elsewhere, as one with two networks has. Needs root for the namespaces.
 */

const PROGRAM = new URL('../../dist/cli.js', import.meta.url).pathname
const BOUND_MS = 60_000

async function startDaemon(t: Test, lan: Lan, folder: string): Promise<string[]> {
  const state = join(folder, 'state')
  mkdirSync(state, { mode: 0o700 })
  const d = await daemonIn(t, { stateDir: state, at: new Date() })
  await d.scout(MACS[0])
  await d.close()
  const where = ['--config=/dev/null', `--state-dir=${state}`]
  const args = [PROGRAM, 'serve', ...where, `--address=${DAEMON_ADDRESS}`]
  const logFile = join(folder, 'daemon.log')
  const daemon = startIn(lan.daemon, process.execPath, args, { name: 'daemon', logFile })
  t.teardown(() => daemon.stop())
  await daemon.output.waitFor(/"msg":"ready"/, BOUND_MS)
  return where
}

t.test('wake-system: one broadcast for the network card, on the LAN', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'muster-wake-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const lan = await createLan()
  t.teardown(() => lan.close())
  const elsewhere =
    'link add up0 type veth peer name up1|link set up1 up|link set up0 up|address add 198.51.100.2/24 dev up0'
  for (const line of [...elsewhere.split('|'), 'route replace default via 198.51.100.1'])
    await runIn(lan.daemon, 'ip', line.split(' '))
  const where = await startDaemon(t, lan, folder)

  const file = join(folder, 'wire.pcap')
  const capture = ['-i', 'lan0', '-c', '1', '-U', '-w', file, 'udp', 'port', '9']
  const tcpdump = startIn(lan.router, 'tcpdump', capture, {
    name: 'tcpdump',
    logFile: join(folder, 'tcpdump.log'),
  })
  t.teardown(() => tcpdump.stop())
  await tcpdump.output.waitFor(/listening on lan0/, BOUND_MS)
  const told = await runIn(
    lan.daemon,
    process.execPath,
    [PROGRAM, 'wake-system', MACS[0], ...where],
    BOUND_MS,
  )
  t.match(told, /^SYSTEM\tm-/)
  await tcpdump.exited

  const fields = ['eth.dst', 'ip.src', 'ip.dst', 'udp.dstport', 'wol.mac', 'udp.length']
  const read = ['-r', file, '-T', 'fields', ...fields.flatMap(field => ['-e', field])]
  const shown = await run('tshark', read, { timeoutMs: BOUND_MS })
  t.same(shown.trim().split('\t'), [
    ...['ff:ff:ff:ff:ff:ff', DAEMON_ADDRESS, '255.255.255.255', '9'],
    ...[Array(16).fill(MACS[0]).join(), String(8 + 6 + 16 * 6)],
  ])
  const events = await runIn(lan.daemon, process.execPath, [PROGRAM, 'events', ...where], BOUND_MS)
  t.match(events, new RegExp(`wake +.*magic packet to ${MACS[0]}`))
})
