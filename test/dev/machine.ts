import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { factsOf, type Pretended } from './machines.js'

/**
 * A machine that netboots from a daemon over HTTP, installs what it is told to, and phones home: everything that the
 * firmware, the scout, an installer and a new system say, without any of them. Its disk is a variable.
 */
export type Machine = {
  readonly spec: Pretended
  readonly name: string | undefined // as the daemon calls it
  readonly writes: number // how often an installer got permission and began to write
  readonly wipes: number
  readonly does: string // the last thing that it began
  /** Switches it off and on, whatever it does. */
  reset(): void
  /** Powers it on, and keeps it on until the room closes. */
  live(): Promise<void>
}

export type Room = {
  readonly url: string // where the daemon serves machines
  readonly stepMs: number // what stands for anything that takes time
  readonly closed: AbortSignal
  readonly log: (text: string) => void
  /** Called before and after each call, `install/report started`; true when its answer got lost on the way. */
  readonly interfere?: (when: 'before' | 'after', call: string) => Promise<boolean>
  /** Called once, with the machine's name, when its facts were taken. */
  readonly onKnown?: (spec: Pretended, name: string) => Promise<void>
}

/** What an installer left: how the new system calls itself, and its token. */
type System = { readonly hostName: string; readonly phoneHome: string; readonly hostKeys: readonly string[] }

const POLL_MS = 70_000 // longer than the longest poll
const TRIES = 600

class Refused extends Error {}

export function createMachine(spec: Pretended, room: Room): Machine {
  let power = new AbortController()
  let boots = 0
  let system: System | undefined
  const seen = { name: undefined as string | undefined, writes: 0, wipes: 0, does: 'off' }

  const begin = (what: string) => {
    seen.does = what
    room.log(`${seen.name ?? spec.product}: ${what}`)
  }
  const step = () => pause(room.stepMs, undefined, { signal: power.signal })

  /** As installers do: again until somebody answers, for daemons are restarted; a refusal ends it. */
  async function ask(path: string, options: RequestInit = {}): Promise<Response> {
    const url = path.startsWith('http') ? path : room.url + path
    const call = nameOf(path, options)
    for (let tries = 0; tries < TRIES; tries++) {
      await room.interfere?.('before', call)
      const signal = AbortSignal.any([power.signal, AbortSignal.timeout(POLL_MS)])
      const response = await fetch(url, { ...options, signal }).catch(() => undefined)
      power.signal.throwIfAborted()
      if (response && (await room.interfere?.('after', call))) continue
      if (response?.ok) return response
      if (response && response.status < 500) throw new Refused(`${response.status} ${await response.text()}`)
      await step()
    }
    throw new Error(`no answer from ${room.url}`)
  }
  const text = async (path: string) => (await ask(path)).text()
  const post = (path: string, body: object, token?: string) => {
    const headers = {
      'content-type': 'application/json',
      ...(token && { authorization: `Bearer ${token}` }),
    }
    return ask(path, { method: 'POST', headers, body: JSON.stringify(body) })
  }

  const tell = (path: string, text: string) =>
    ask(path, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: text })

  async function boot(): Promise<void> {
    boots++
    begin('netboots')
    const script = await text(`/boot/script?${reportOf(spec)}`)
    const scout = /muster\.token=([0-9a-f]{32})/.exec(script)?.[1]
    const answers = /\/install\/v1\/[0-9a-f]{32}\/(?:preseed|ks)\.cfg/.exec(script)?.[0]
    if (scout && spec.reports) return liveInScout(scout)
    if (answers) return runInstaller(script, answers)
    return system ? runSystem(system) : void (await untilReset(scout ? 'hangs' : 'runs its own disk'))
  }

  async function liveInScout(token: string): Promise<void> {
    const known = await post('/scout/v1/facts', factsOf(spec, boots > 1 && spec.grows === true), token)
    const { name } = (await known.json()) as { name: string }
    const isNew = seen.name === undefined
    seen.name = name
    if (isNew) await room.onKnown?.(spec, name)
    begin('waits in the scout')
    for (;;) {
      const asked = await ask('/scout/v1/orders?wait=50', { headers: { authorization: `Bearer ${token}` } })
      const order = (await asked.json()) as { order: string; id?: number; token?: string }
      if (order.order === 'wait') continue
      begin(`is told: ${order.order}`)
      if (order.order === 'install') return install(`/install/v1/${order.token}/plan`)
      if (order.order === 'wipe') {
        await wipe(`/install/v1/${order.token}`)
        continue
      }
      await post(`/scout/v1/orders/${order.id}/done`, {}, token)
      if (order.order === 'power-off') return untilReset('is off')
      return
    }
  }

  async function wipe(job: string) {
    system = undefined
    seen.wipes++
    await step()
    await post(`${job}/report`, { stage: 'wiped' })
  }

  /** An installer with a kernel of its own. */
  async function runInstaller(script: string, answers: string): Promise<void> {
    for (const [, url = ''] of script.matchAll(/^(?:kernel|initrd(?: --name \S+)?) (\S+)/gm)) await text(url)
    return install(answers)
  }

  async function install(answersUrl: string): Promise<void> {
    const job = answersUrl.replace(/\/[^/]+$/, '')
    const report = (body: object) => post(`${job}/report`, body)
    const answers = await text(answersUrl)
    await step()
    await report({ stage: 'started' })
    system = undefined
    seen.writes++
    begin('writes its disk')
    const image = shellValue(answers, 'image_url')
    if (image) await checkImage(image, shellValue(answers, 'image_sha256'))
    for (let percent = 20; percent < 100; percent += 20) {
      await report({ stage: 'progress', percent, note: 'writing' })
      await tell(`${job}/log`, `installer: ${percent} % of the disk is written\n`)
      await step()
    }
    const finish = await text(`${job}/finish`)
    const written = systemOf(finish)
    await report({ stage: 'installed' })
    system = written
    begin('has installed its disk')
  }

  async function checkImage(url: string, sha256: string | undefined): Promise<void> {
    const bytes = Buffer.from(await (await ask(url)).arrayBuffer())
    const got = createHash('sha256').update(bytes).digest('hex')
    if (got !== sha256) throw new Error(`${url} has SHA-256 ${got}, not ${sha256}`)
  }

  async function runSystem({ phoneHome, hostName, hostKeys }: System): Promise<void> {
    begin('boots its disk')
    await step()
    const home = await post(phoneHome, { hostName, hostKeys }).catch((error: unknown) => error)
    const log = phoneHome.replace(/phone-home$/, 'log')
    if (!(home instanceof Error))
      await tell(log, `${hostName} systemd[1]: Startup finished\n`).catch(() => undefined)
    return untilReset(home instanceof Error ? `could not phone home: ${home.message}` : 'runs')
  }

  async function untilReset(what: string): Promise<void> {
    power.signal.throwIfAborted()
    begin(what)
    await new Promise(resolve => power.signal.addEventListener('abort', resolve, { once: true }))
  }

  return {
    spec,
    get name() {
      return seen.name
    },
    get writes() {
      return seen.writes
    },
    get wipes() {
      return seen.wipes
    },
    get does() {
      return seen.does
    },
    reset: () => power.abort(),
    async live() {
      const off = () => power.abort()
      room.closed.addEventListener('abort', off)
      while (!room.closed.aborted) {
        power = new AbortController()
        await boot().catch((error: unknown) => {
          if (!power.signal.aborted) begin(`stops: ${String(error)}`)
        })
        await pause(room.stepMs)
      }
    },
  }
}

/** iPXE's request, as ipxe/identify.ipxe.njk words it. */
const reportOf = (m: Pretended) =>
  new URLSearchParams({
    mac: m.mac.replaceAll(':', '-'),
    uuid: m.uuid,
    manufacturer: m.vendor,
    product: m.product,
    serial: m.serial,
    memsize: String(m.memory / 2 ** 20),
    platform: m.firmware === 'bios' ? 'pcbios' : 'efi',
    buildarch: 'x86_64',
  })

/** What a call is about, without the token in it: `install/report started`, `scout/facts`. */
function nameOf(path: string, { body }: RequestInit): string {
  const [, area, ...rest] = path
    .replace(/^http:..[^/]+/, '')
    .replace(/\?.*/, '')
    .split('/')
  const stage = typeof body === 'string' ? /"stage":"(\w+)"/.exec(body)?.[1] : undefined
  return [`${area}/${rest.at(-1)}`, ...(stage ? [stage] : [])].join(' ')
}

/** Of a line NAME='VALUE'. */
const shellValue = (script: string, name: string): string | undefined =>
  new RegExp(`^${name}='([^']*)'$`, 'm').exec(script)?.[1]

function systemOf(finish: string): System {
  const phoneHome = /\/install\/v1\/[0-9a-f]{32}\/phone-home/.exec(finish)?.[0]
  if (!phoneHome) throw new Error('the finish script does not say where to phone')
  return {
    phoneHome,
    hostName: /^printf '%s\\n' '([^']+)' \| put 644 \/etc\/hostname$/m.exec(finish)?.[1] ?? 'unnamed',
    hostKeys: [publicKey()],
  }
}

/** As ssh-keygen prints it; nobody has the other half. */
export function publicKey(): string {
  const part = (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes])
  const key = Buffer.concat([part(Buffer.from('ssh-ed25519')), part(randomBytes(32))])
  return `ssh-ed25519 ${key.toString('base64')}`
}
