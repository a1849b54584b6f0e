import { join } from 'node:path'
import { type Lan, ROUTER_ADDRESS } from './namespaces.js'
import { type Service, startIn } from './process.js'

/**
 * The LAN's ordinary DHCP server: hands out addresses and says nothing about netboot. It announces itself by IPv6 as
 * home routers do; where nobody does, each iPXE on the way waits some 15 s for it before it goes on by IPv4.
 */
export async function startRouter(lan: Lan, folder: string): Promise<Service> {
  const args = [
    ...['--no-daemon', '--conf-file=/dev/null', '--user=root', '--port=0', '--no-hosts', '--no-resolv'],
    ...['--dhcp-range=10.77.0.100,10.77.0.199,255.255.255.0,1h', '--dhcp-authoritative', '--leasefile-ro'],
    ...['--interface=lan0', '--bind-interfaces', '--no-ping', '--log-dhcp', '--log-facility=-'],
    ...[`--dhcp-option=option:router,${ROUTER_ADDRESS}`, '--enable-ra', '--dhcp-range=fd00:77::,ra-only'],
  ]
  const router = startIn(lan.router, 'dnsmasq', args, { name: 'router', logFile: join(folder, 'router.log') })
  await router.output.waitFor(/DHCP, IP range/, 5_000)
  return router
}

/**
 * Records the LAN for whoever reads a failed run. The bodies of long HTTP answers (the initrd) are left out: they
 * would be 60 MB per boot and tell nothing.
 */
export async function startCapture(lan: Lan, folder: string): Promise<Service> {
  const filter = 'not (tcp src port 8067 and greater 1200)'
  const capture = startIn(
    lan.machines,
    'tcpdump',
    ['-i', 'br0', '-U', '-w', join(folder, 'lan.pcap'), filter],
    { name: 'tcpdump', logFile: join(folder, 'tcpdump.log') },
  )
  await capture.output.waitFor(/listening on/, 5_000)
  return capture
}
