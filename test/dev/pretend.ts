import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { factsOf, type Pretended, ROOM } from './machines.js'

/**
 * usage: pretend BOOT_URL API_URL TOKEN_FILE
 * Machines that netboot from a daemon for as long as this runs: they ask for their script, post their facts, hold the
 * long poll and do what they are told, through the routes that real ones use.
 */
const [boot = '', api = '', tokenFile = ''] = process.argv.slice(2)

const TIMEOUT_MS = 70_000 // longer than the longest poll
const POWER_ON_MS = 3_000 // what stands for firmware and kernel
const OFF_MS = 60_000 // until somebody presses the button again

async function ask(url: string, options: RequestInit = {}): Promise<Response> {
  const response = await fetch(url, { ...options, signal: AbortSignal.timeout(TIMEOUT_MS) })
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  return response
}

const post = (url: string, token: string, body: object) =>
  ask(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

/** iPXE's request, as ipxe/identify.ipxe.njk words it; gives the scout's token, or nothing for the local disk. */
async function script(m: Pretended): Promise<string | undefined> {
  const query = new URLSearchParams({
    mac: m.mac.replaceAll(':', '-'),
    uuid: m.uuid,
    manufacturer: m.vendor,
    product: m.product,
    serial: m.serial,
    memsize: String(m.memory / 2 ** 20),
    platform: m.firmware === 'bios' ? 'pcbios' : 'efi',
    buildarch: 'x86_64',
  })
  const text = await (await ask(`${boot}/boot/script?${query}`)).text()
  return /muster\.token=([0-9a-f]+)/.exec(text)?.[1]
}

/** What the owner of this room does with a machine as soon as it is known. */
async function own(m: Pretended, name: string): Promise<void> {
  const token = (await readFile(tokenFile, 'utf8')).trim()
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const system = `${api}/api/v1/systems/${name}`
  if (m.group) await ask(system, { method: 'PATCH', headers, body: JSON.stringify({ group: m.group }) })
  if (m.owner) await ask(`${system}/${m.owner}`, { method: 'POST', headers })
}

/** The scout until it is told to end; answers how long the machine then stays off. */
async function scout(m: Pretended, token: string, boots: number): Promise<number> {
  const posted = await post(`${boot}/scout/v1/facts`, token, factsOf(m, boots > 1))
  const { name } = (await posted.json()) as { name: string }
  console.log(`${m.product} is ${name}`)
  if (boots === 1) await own(m, name)
  for (;;) {
    const asked = await ask(`${boot}/scout/v1/orders?wait=50`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const { order, id } = (await asked.json()) as { order: string; id?: number }
    if (order === 'wait') continue
    console.log(`${name} is told: ${order}`)
    if (id) await post(`${boot}/scout/v1/orders/${id}/done`, token, {})
    return order === 'reboot' ? POWER_ON_MS : OFF_MS
  }
}

/** One machine: power on, boot, and again. An error is told and tried again, as the scout does. */
async function live(m: Pretended): Promise<never> {
  for (let boots = 1; ; boots++) {
    const off = await bootOnce(m, boots).catch((error: Error) => {
      console.log(`${m.product}: ${error.message}`)
      return POWER_ON_MS
    })
    await pause(off)
  }
}

async function bootOnce(m: Pretended, boots: number): Promise<number> {
  const token = await script(m)
  return token && m.reports ? await scout(m, token, boots) : OFF_MS
}

/** The daemon is started at the same time. */
async function daemonIsUp(): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (await ask(`${boot}/healthz`).catch(() => undefined)) return
    await pause(200)
  }
  throw new Error(`no daemon on ${boot} within 20 s`)
}

await daemonIsUp()
await Promise.all(ROOM.map(live))
