import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

/** A machine in QEMU that boots the scout by itself, and a stand-in for the daemon that it talks to. */

export const TOKEN = '0123456789abcdef0123456789abcdef'

export type Request = { method: string; path: string; token: string | undefined; body: string; at: number }
type Answer = { status?: number; body?: unknown }

export type StandIn = {
  url: string // as the machine sees it
  requests: Request[]
  close(): void
}

/** @param answer decides each answer; without one it is held until the machine gives up */
export async function standIn(answer: (request: Request) => Answer | undefined): Promise<StandIn> {
  const requests: Request[] = []
  const server = createServer(async (req: IncomingMessage, res: ServerResponse) => {
    let body = ''
    for await (const chunk of req) body += chunk
    const request = {
      method: req.method ?? '',
      path: req.url ?? '',
      token: tokenOf(req),
      body,
      at: Date.now(),
    }
    requests.push(request)
    const { status = 200, body: answered = {} } = answer(request) ?? {}
    res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(answered))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // QEMU's user network forwards its gateway's address to the host's loopback
  const url = `http://10.0.2.2:${(server.address() as AddressInfo).port}`
  return { url, requests, close: () => void server.close().closeAllConnections() }
}

const tokenOf = (req: IncomingMessage) => /^Bearer (.*)$/.exec(req.headers.authorization ?? '')?.[1]

export type MachineOptions = {
  stateDir: string // with a scout in it
  url: string
  mac: string // the NIC that netbooted
  memory?: number // MiB
  devices: readonly string[] // QEMU's arguments
  args?: string // more for the kernel line
}

export type ScoutMachine = {
  serial(): string
  ended: Promise<number | null>
  stop(): void
}

export function bootScout(o: MachineOptions): ScoutMachine {
  const line =
    `muster.url=${o.url} muster.mac=${o.mac} muster.token=${TOKEN} ` +
    `console=ttyS0,115200 console=tty0 quiet ${o.args ?? ''}`
  const child = spawn('qemu-system-x86_64', [
    ...['-accel', 'tcg,thread=multi', '-nodefaults', '-display', 'none', '-serial', 'stdio', '-no-reboot'],
    ...['-m', `${o.memory ?? 512}`, '-kernel', join(o.stateDir, 'scout', 'vmlinuz')],
    ...['-initrd', join(o.stateDir, 'scout', 'initrd'), '-append', line, ...o.devices],
  ])
  let serial = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      serial += text
    })
  return { serial: () => serial, ended: ending(child), stop: () => void child.kill('SIGKILL') }
}

const ending = (child: ChildProcess) =>
  new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('exit', code => resolve(code))
  })
