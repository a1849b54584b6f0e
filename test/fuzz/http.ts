import { parse } from 'node:querystring'
import { pino } from 'pino'
import { createBootScripts } from '../../src/control/bootScripts.js'
import { bootQuerySchema } from '../../src/core/bootQuery.js'
import { factsSchema } from '../../src/core/facts.js'
import { isRefusal } from '../../src/core/refusal.js'
import { openTemplates } from '../../src/io/templates.js'
import { bootApp } from '../../src/servers/apps.js'
import { listen } from '../../src/servers/http.js'
import { parseRange } from '../../src/wire/range.js'
import { FACTS } from '../support/facts.js'
import { noInstalls, pretendDocuments } from '../support/installJobs.js'
import { AT, pretendInventory, SCOUT_TOKEN } from '../support/inventory.js'
import { heapAfterGc } from './heap.js'
import { converse, misplaced, mutated, telling } from './mutate.js'
import { chance, type Random } from './random.js'

/** What a fuzz run saw. `growth` is the heap's, in bytes, between a quarter of the run and its end. */
export type FuzzReport = {
  packets: number
  outcomes: Record<string, number>
  slowestMs: number
  growth: number
}

const QUERY =
  'mac=52-54-00-12-34-56&uuid=12345678-1234-1234-1234-123456789abc&manufacturer=QEMU%20Inc&product=x&serial=1' +
  '&board-serial=%2e&memsize=1023&cores=2&platform=pcbios&buildarch=x86_64'
const POST = JSON.stringify(FACTS)
const AUTHORIZED = `Host: muster\r\nAuthorization: Bearer ${SCOUT_TOKEN}\r\nConnection: close\r\n`
const REQUESTS = [
  `GET /boot/script?${QUERY} HTTP/1.1\r\nHost: muster\r\nConnection: close\r\n\r\n`,
  `GET /boot/scout/initrd HTTP/1.1\r\nHost: muster\r\nRange: bytes=2-4\r\nConnection: close\r\n\r\n`,
  `HEAD /boot/files/ipxe.efi HTTP/1.1\r\nHost: muster\r\nConnection: close\r\n\r\n`,
  `GET /boot/files/..%2f..%5c%2e%2e HTTP/1.1\r\nHost: muster\r\nConnection: close\r\n\r\n`,
  `POST /scout/v1/facts HTTP/1.1\r\n${AUTHORIZED}Content-Length: ${POST.length}\r\n\r\n${POST}`,
  `GET /scout/v1/orders?wait=0 HTTP/1.1\r\n${AUTHORIZED}\r\n`,
  `POST /scout/v1/orders/1/done HTTP/1.1\r\n${AUTHORIZED}Content-Length: 0\r\n\r\n`,
]

type Judge = (random: Random) => string | Promise<string>
const LIVE_SHARE = 50 // one input of so many goes over a socket to a running service

/**
 * Feeds `count` mutated inputs of machines, the same for the same `seed`, to what reads them. Throws, with the input,
 * when a promise is broken: no exception, no answer of 5xx, no line in a script that its template does not have.
 */
export async function run(seed: number, count: number): Promise<FuzzReport> {
  const random = chance(seed)
  const service = await startService()
  const judges: readonly Judge[] = [await queryJudge(), factsJudge, rangeJudge]
  const outcomes: Record<string, number> = {}
  let slowestMs = 0
  let heap = 0
  try {
    for (let i = 0; i < count; i++) {
      if (i === count >> 2) heap = heapAfterGc()
      const judge = i % LIVE_SHARE === 0 ? service.judge : random.pick(judges)
      const begun = performance.now()
      const outcome = await judge(random)
      slowestMs = Math.max(slowestMs, performance.now() - begun)
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    }
  } finally {
    await service.close()
  }
  return { packets: count, outcomes, slowestMs, growth: heapAfterGc() - heap }
}

/** iPXE's query, and the script that comes of it. */
async function queryJudge(): Promise<Judge> {
  const scripts = pretendScripts()
  const decide = async (text: string) => {
    const query = bootQuerySchema.safeParse(parse(text))
    if (!query.success) return undefined
    const decided = await scripts.decide({ ...query.data, address: '127.0.0.1', at: AT })
    if (isRefusal(decided)) throw new Error(decided.why)
    return decided.script.replace(/muster\.mac=[0-9a-f:]{17} /, '')
  }
  const [bios, uefi] = [await decide(QUERY), await decide(QUERY.replace('pcbios', 'efi'))]
  return async random => {
    const text = mutated(random, QUERY)
    const script = await telling(text, () => decide(text))
    if (script !== undefined && script !== bios && script !== uefi)
      throw new Error(`script of ${text}: ${script}`)
    return script === undefined ? 'query refused' : 'query'
  }
}

/** What the scout posts, as bytes and as values in the wrong places. */
function factsJudge(random: Random): Promise<string> {
  const text = random.below(2) === 0 ? mutated(random, POST) : JSON.stringify(misplaced(random, FACTS))
  return telling(text, async () => {
    let body: unknown
    try {
      body = JSON.parse(text)
    } catch {
      return 'facts that are no JSON'
    }
    const facts = factsSchema.safeParse(body)
    if (facts.success && !(facts.data.nics.length > 0)) throw new Error('facts without a NIC')
    return facts.success ? 'facts' : 'facts refused'
  })
}

function rangeJudge(random: Random): Promise<string> {
  const size = random.pick([0, 1, 10, 62_914_560])
  const text = mutated(random, random.pick(['bytes=0-4', 'bytes=-5', 'bytes=9-', 'bytes=0-1,3-4']))
  return telling(text, async () => {
    const range = parseRange(text, size)
    if (typeof range === 'string') return `range: ${range}`
    const { start, end } = range
    if (!(0 <= start && start <= end && end < size)) throw new Error(`${start}-${end} of ${size}`)
    return 'range'
  })
}

/** Bytes on a socket, whose other half is closed: a running service answers or hangs up, and is there afterwards. */
async function startService() {
  const closing = new AbortController()
  const log = pino({ level: 'silent' })
  const { inventory } = pretendInventory()
  const bytes = Buffer.from('0123456789')
  const app = bootApp({
    ...noInstalls(log),
    scripts: pretendScripts(),
    nbp: async name => (name === 'ipxe.efi' ? bytes : undefined),
    scoutFile: async () => ({ bytes, etag: '"1"', modified: AT }),
    now: () => AT,
    inventory,
    closing: closing.signal,
    log,
    scoutLog: log,
  })
  const { port, close } = await listen(app, { address: '127.0.0.1', port: 0, closing, log })
  const judge: Judge = random => {
    const text = mutated(random, random.pick(REQUESTS))
    return telling(text, async () => {
      const answer = await converse(port, text)
      const status = /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 'none'
      if (status.startsWith('5')) throw new Error(answer)
      return `live: ${status}`
    })
  }
  return { judge, close }
}

const pretendScripts = () =>
  createBootScripts({
    documents: pretendDocuments,
    url: 'http://192.168.1.2:8067',
    scoutArguments: '',
    templates: openTemplates(),
    inventory: pretendInventory().inventory,
    macOf: async () => undefined,
  })
