import { pino } from 'pino'
import type { InstallReport, PhoneHome } from '../../src/control/instances.js'
import { bootApp } from '../../src/servers/apps.js'
import { listen } from '../../src/servers/http.js'
import { JOB_TOKEN, noInstalls, PHONE_TOKEN, pretendInstallJobs } from '../support/installJobs.js'
import { AT, pretendInventory } from '../support/inventory.js'
import { converse, mutated, telling } from './mutate.js'
import { chance, type Random } from './random.js'

const JSON_TYPE = 'Content-Type: application/json'
const FORM_TYPE = 'Content-Type: application/x-www-form-urlencoded'
const HOME = JSON.stringify({ hostName: 'oak-1', hostKeys: [`ssh-ed25519 ${'A'.repeat(68)}`] })

const get = (path: string) => `GET /install/v1/${path} HTTP/1.1\r\nHost: muster\r\nConnection: close\r\n\r\n`
const post = (path: string, type: string, body: string) =>
  `POST /install/v1/${path} HTTP/1.1\r\nHost: muster\r\nConnection: close\r\n${type}\r\n` +
  `Content-Length: ${body.length}\r\n\r\n${body}`

const REQUESTS = [
  get(`${JOB_TOKEN}/preseed.cfg`),
  get(`${JOB_TOKEN}/finish`),
  get('../../boot/media/debian-12-image/..%2f..%2fapi-token/x'),
  post(`${JOB_TOKEN}/report`, JSON_TYPE, '{"stage":"progress","percent":42.5,"note":"base system"}'),
  post(`${JOB_TOKEN}/report`, FORM_TYPE, 'stage=progress&percent=42.5&note=base%20system'),
  post(`${JOB_TOKEN}/report`, JSON_TYPE, '{"stage":"failed","reason":"no disk"}'),
  post(`${JOB_TOKEN}/log`, 'Content-Type: text/plain', 'line 1\nline 2\n'),
  post(`${PHONE_TOKEN}/phone-home`, JSON_TYPE, HOME),
  get('/boot/media/debian-12-image/20260102030405-0123abcd/root.tar.zst').replace('/install/v1/', ''),
]

/**
 * Feeds `count` mutated requests of installers and nodes to the running service. Throws, with the input, when a promise
 * is broken: no answer of 5xx, no token in the log, and nothing told that is not of the form it has to have.
 */
export async function run(seed: number, count: number) {
  const random = chance(seed)
  const outcomes: Record<string, number> = {}
  const service = await startService()
  try {
    for (let i = 0; i < count; i++) {
      const outcome = await service.judge(random)
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    }
  } finally {
    await service.close()
  }
  return outcomes
}

async function startService() {
  const closing = new AbortController()
  const lines: string[] = []
  const log = pino({ level: 'debug' }, { write: line => void lines.push(line) })
  let installs = pretendInstallJobs()
  const jobs = {
    answers: (...call: Parameters<typeof installs.jobs.answers>) => installs.jobs.answers(...call),
    finish: (...call: Parameters<typeof installs.jobs.finish>) => installs.jobs.finish(...call),
    report: (...call: Parameters<typeof installs.jobs.report>) => installs.jobs.report(...call),
    log: (...call: Parameters<typeof installs.jobs.log>) => installs.jobs.log(...call),
    phoneHome: (...call: Parameters<typeof installs.jobs.phoneHome>) => installs.jobs.phoneHome(...call),
  }
  const app = bootApp({
    scripts: { decide: async () => ({ script: '', target: 'disk' }) as never, identify: Buffer.from('') },
    nbp: async () => undefined,
    scoutFile: async () => undefined,
    now: () => AT,
    inventory: pretendInventory().inventory,
    closing: closing.signal,
    log,
    scoutLog: log,
    ...noInstalls(log),
    jobs,
  })
  const { port, close } = await listen(app, { address: '127.0.0.1', port: 0, closing, log })

  const judge = async (random: Random): Promise<string> => {
    installs = pretendInstallJobs() // each request meets an install that has just been handed out
    lines.length = 0
    const text = mutated(random, random.pick(REQUESTS))
    return telling(text, async () => {
      const answer = await converse(port, text)
      const status = /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 'none'
      if (status.startsWith('5')) throw new Error(answer)
      for (const { call, what } of installs.told as { call: string; what: unknown }[])
        WELL_FORMED[call]?.(what)
      const logged = lines.join('')
      if (logged.includes(JOB_TOKEN) || logged.includes(PHONE_TOKEN)) throw new Error(`logged: ${logged}`)
      return status
    })
  }
  return { judge, close }
}

const must = (holds: boolean, what: unknown) => {
  if (!holds) throw new Error(`let through: ${JSON.stringify(what)}`)
}
const isLine = (text: string, longest: number) => text.length <= longest && !/\p{C}/u.test(text)

const WELL_FORMED: Record<string, (what: unknown) => void> = {
  report(what) {
    const report = what as InstallReport
    if (report.stage === 'progress') {
      must(report.percent === undefined || (report.percent >= 0 && report.percent <= 100), report)
      must(report.note === undefined || isLine(report.note, 200), report)
    } else if (report.stage === 'failed') must(isLine(report.reason, 1000), report)
    else must(['started', 'installed', 'wiped'].includes(report.stage), report)
  },
  phoneHome(what) {
    const { hostName, hostKeys } = what as PhoneHome
    must(/^[A-Za-z0-9.-]{1,253}$/.test(hostName), hostName)
    for (const key of hostKeys) must(/^[a-z0-9@.-]+ [A-Za-z0-9+/=]+$/.test(key), key)
  },
  log(what) {
    must(typeof what === 'string' && what.length <= 64 * 1024, what)
  },
}
