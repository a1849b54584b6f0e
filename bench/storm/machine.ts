import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { request } from 'node:http'
import { performance } from 'node:perf_hooks'
import type { Facts } from '../../src/core/facts.js'
import {
  BOOTREQUEST,
  BROADCAST_FLAG,
  decode,
  ETHERNET,
  encode,
  isMalformed,
  MESSAGE,
  OPT,
} from '../../src/wire/dhcp.js'
import type { Mac } from '../../src/wire/mac.js'
import { decodeTftp, encodeTftp } from '../../src/wire/tftp.js'

/** A pretend machine: what firmware, iPXE and the scout say on the wire, without the hardware. */

const PATIENCE_MS = 4_000 // EDK2 waits about that long before it asks again
const TRIES = 4

export type Lan = {
  /** One socket on port 68 hears every OFFER, as all machines of a LAN do; `xid` tells whose it is. */
  dhcp: Socket
  offers: Map<number, (bootFile: string) => void>
  server: string
  httpPort: number
}

export type Timing = { offers: number[]; unanswered: number; boot: number }

export async function openLan(server: string, httpPort: number): Promise<Lan> {
  const dhcp = createSocket({ type: 'udp4', reuseAddr: true })
  const offers: Lan['offers'] = new Map()
  dhcp.on('message', bytes => {
    const packet = decode(bytes)
    if (isMalformed(packet) || packet.options.get(OPT.messageType)?.[0] !== MESSAGE.offer) return
    offers.get(packet.xid)?.(packet.file)
  })
  dhcp.bind(68)
  await once(dhcp, 'listening')
  dhcp.setBroadcast(true)
  dhcp.setRecvBufferSize(4 << 20)
  return { dhcp, offers, server, httpPort }
}

/** The n-th machine from power-on to its inventory post; rejects when a step stays unanswered. */
export async function muster(lan: Lan, n: number, from: string): Promise<Timing> {
  const start = performance.now()
  const timing: Timing = { offers: [], unanswered: 0, boot: 0 }
  const mac = macOf(n)
  const program = await discover(lan, n, timing, false)
  await fetchByTftp(lan.server, program, from)
  await discover(lan, n, timing, true)
  await http(lan, from, 'GET', '/boot/ipxe')
  const query = new URLSearchParams({
    mac: mac.replaceAll(':', '-'),
    uuid: uuidOf(n),
    serial: `S${n}`,
    manufacturer: 'Storm',
  })
  query.set('platform', 'pcbios')
  query.set('buildarch', 'i386')
  const script = await http(lan, from, 'GET', `/boot/script?${query}`)
  const token = /muster\.token=(\S+)/.exec(script)?.[1]
  if (!token) throw new Error(`machine ${n}: the script carries no token`)
  await http(lan, from, 'POST', '/scout/v1/facts', { token, body: JSON.stringify(factsOf(n, mac)) })
  timing.boot = performance.now() - start
  return timing
}

const hex = (n: number, digits: number) => n.toString(16).padStart(digits, '0')
const macOf = (n: number) => `52:54:01:${hex(n, 6).replace(/..(?=.)/g, '$&:')}` as Mac
const uuidOf = (n: number) => `5744b3f2-1d1e-4c11-9c0a-${hex(n, 12)}`

async function discover(lan: Lan, n: number, timing: Timing, ipxe: boolean): Promise<string> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const xid = (n * 16 + (ipxe ? 8 : 0) + attempt) >>> 0
    const sent = performance.now()
    const answer = offered(lan, xid)
    lan.dhcp.send(discoverPacket(n, xid, ipxe), 67, '255.255.255.255')
    const file = await answer
    if (file !== undefined) {
      timing.offers.push(performance.now() - sent)
      return file
    }
    timing.unanswered++
  }
  throw new Error(`machine ${n}: no OFFER after ${TRIES} DISCOVERs`)
}

function offered(lan: Lan, xid: number): Promise<string | undefined> {
  return new Promise(resolve => {
    const timer = setTimeout(() => settle(undefined), PATIENCE_MS)
    const settle = (file: string | undefined) => {
      clearTimeout(timer)
      lan.offers.delete(xid)
      resolve(file)
    }
    lan.offers.set(xid, settle)
  })
}

function discoverPacket(n: number, xid: number, ipxe: boolean): Buffer {
  const chaddr = Buffer.alloc(16)
  Buffer.from(macOf(n).replaceAll(':', ''), 'hex').copy(chaddr)
  const options = new Map<number, Buffer>([
    [OPT.messageType, Buffer.from([MESSAGE.discover])],
    [OPT.vendorClass, Buffer.from('PXEClient:Arch:00000:UNDI:002001')],
    [OPT.clientArch, Buffer.from([0, 0])],
    [OPT.clientUuid, Buffer.concat([Buffer.from([0]), Buffer.from(uuidOf(n).replaceAll('-', ''), 'hex')])],
  ])
  if (ipxe) {
    options.set(OPT.userClass, Buffer.from('iPXE'))
    options.set(OPT.ipxe, Buffer.from([0x13, 1, 1]))
  }
  const none = '0.0.0.0'
  return encode({
    op: BOOTREQUEST,
    htype: ETHERNET,
    hlen: 6,
    hops: 0,
    xid,
    secs: 0,
    flags: BROADCAST_FLAG,
    ciaddr: none,
    yiaddr: none,
    siaddr: none,
    giaddr: none,
    chaddr,
    sname: '',
    file: '',
    options,
  })
}

/** Lock-step with blksize 1456, as BIOS ROMs do; asks again for a lost block, and once more from the start. */
async function fetchByTftp(server: string, file: string, from: string): Promise<void> {
  for (let attempt = 0; attempt < TRIES; attempt++) if (await tftpOnce(server, file, from)) return
  throw new Error(`TFTP of ${file} failed ${TRIES} times`)
}

function tftpOnce(server: string, file: string, from: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    const timer = setTimeout(() => done(false), PATIENCE_MS * 2)
    const done = (whole: boolean) => {
      clearTimeout(timer)
      socket.close()
      resolve(whole)
    }
    socket.on('error', reject)
    socket.on('message', (bytes, peer) => {
      const packet = decodeTftp(bytes)
      if (packet?.op === 'error') return done(false)
      if (packet?.op !== 'data' && packet?.op !== 'oack') return
      const block = packet.op === 'data' ? packet.block : 0
      const last = packet.op === 'data' && packet.data.length < 1456
      socket.send(encodeTftp({ op: 'ack', block }), peer.port, peer.address, () => last && done(true))
    })
    socket.bind(0, from, () =>
      socket.send(encodeTftp({ op: 'rrq', file, mode: 'octet', options: [['blksize', '1456']] }), 69, server),
    )
  })
}

type Post = { token: string; body: string }

function http(lan: Lan, from: string, method: string, path: string, post?: Post): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = post
      ? { authorization: `Bearer ${post.token}`, 'content-type': 'application/json' }
      : { 'user-agent': 'iPXE' }
    const options = {
      host: lan.server,
      port: lan.httpPort,
      localAddress: from,
      method,
      path,
      headers,
      agent: false,
    }
    const call = request({ ...options, timeout: 20_000 }, response => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        body += text
      })
      response.on('end', () =>
        response.statusCode === 200
          ? resolve(body)
          : reject(new Error(`${path}: ${response.statusCode} ${body}`)),
      )
    })
    call.on('timeout', () => call.destroy(new Error(`${path}: no answer in 20 s`)))
    call.on('error', reject)
    call.end(post?.body)
  })
}

function factsOf(n: number, mac: Mac): Facts {
  const cores = 1 + (n % 8)
  return {
    bootMac: mac,
    firmware: 'bios',
    cpu: {
      model: 'Storm CPU',
      architecture: 'x86_64',
      sockets: 1,
      cores,
      threads: cores,
      flags: ['fpu', 'sse2'],
    },
    memory: { installed: 4 << 28, usable: 1_000_000_000 },
    disks: [
      { name: 'sda', size: 8 << 27, serial: `D${n}`, rotational: false, removable: false, transport: 'sata' },
    ],
    nics: [{ name: 'eth0', mac, driver: 'e1000e', link: true, speed: 1000, pci: '0000:00:03.0' }],
    pci: Array.from({ length: 20 }, (_, i) => ({
      slot: `0000:00:${hex(i, 2)}.0`,
      class: '020000',
      vendor: '8086',
      device: '10d3',
    })),
    dmi: {
      system: { vendor: 'Storm', product: 'Pretend', serial: `S${n}`, uuid: uuidOf(n) },
      board: { vendor: 'Storm', serial: `B${n}` },
      chassis: {},
      bios: { vendor: 'Storm', version: '1' },
    },
    bmc: false,
  }
}
