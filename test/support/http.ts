import { pino } from 'pino'
import type { Test } from 'tap'
import { createBootScripts } from '../../src/control/bootScripts.js'
import type { Profile } from '../../src/core/profile.js'
import { openTemplates } from '../../src/io/templates.js'
import { apiApp, bootApp } from '../../src/servers/apps.js'
import { type Limits, listen } from '../../src/servers/http.js'
import type { InstallRoutes } from '../../src/servers/routes/install.js'
import type { MediaRoutes } from '../../src/servers/routes/media.js'
import type { Bytes } from '../../src/servers/sendBytes.js'
import type { Mac } from '../../src/wire/mac.js'
import { pretendAuthority, pretendDirectory } from './directory.js'
import { pretendDocuments, pretendInstallJobs } from './installJobs.js'
import { pretendInstances, pretendPlan, pretendProfileViews } from './instances.js'
import { AT, pretendInventory } from './inventory.js'
import { pretendJoining } from './joining.js'

export const API_TOKEN = 'a'.repeat(64)

type Some = {
  limits?: Partial<Limits>
  port?: number
  owner?: Mac // whom the neighbour table names
  scoutFile?: (name: 'vmlinuz' | 'initrd') => Promise<Bytes | undefined>
  nbp?: (name: string) => Promise<Buffer | undefined>
  mediumFile?: MediaRoutes['mediumFile']
  profile?: Profile // that the pretended job installs
  installs?: Pick<InstallRoutes, 'jobs' | 'documents'> // in the place of pretended ones
}

const NBPS = new Map([['ipxe.efi', Buffer.from('MZ pretend')]])

/** Both services on free loopback ports, over a pretended inventory; closed when the test ends. */
export async function startServices(t: Test, some: Some = {}) {
  const pretend = pretendInventory()
  const { inventory } = pretend
  const lines: string[] = []
  const log = pino({ level: 'debug' }, { write: line => lines.push(line) })
  const closing = new AbortController()
  const scripts = createBootScripts({
    documents: pretendDocuments,
    url: 'http://192.168.1.2:8067',
    scoutArguments: '',
    templates: openTemplates(),
    inventory,
    macOf: async () => some.owner,
  })
  const pretendJobs = pretendInstallJobs(some.profile)
  const boot = bootApp({
    scripts,
    mediumFile: some.mediumFile ?? (async () => undefined),
    mirror: async () => ({ status: 404, why: 'no mirror' }),
    ...(some.installs ?? { jobs: pretendJobs.jobs, documents: pretendDocuments }),
    macOf: async () => some.owner,
    nbp: some.nbp ?? (async name => NBPS.get(name)),
    scoutFile: some.scoutFile ?? (async () => undefined),
    now: () => AT,
    inventory,
    closing: closing.signal,
    log,
    scoutLog: log.child({ area: 'scout' }),
    installLog: log.child({ area: 'install' }),
  })
  const pretendRuns = pretendInstances()
  const api = apiApp({
    inventory,
    instances: pretendRuns.instances,
    joining: pretendJoining,
    plan: pretendPlan,
    profileViews: pretendProfileViews,
    directory: pretendDirectory,
    authority: pretendAuthority,
    packets: () => Buffer.from('pcap'),
    status: () => ({ version: '0.0.0' }),
    token: API_TOKEN,
    closing: closing.signal,
    log,
  })
  const at = { address: '127.0.0.1', port: 0, closing, log, ...(some.limits && { limits: some.limits }) }
  const [machines, owner] = [await listen(boot, { ...at, port: some.port ?? 0 }), await listen(api, at)]
  const close = async () => void (await Promise.all([machines.close(), owner.close()]))
  t.teardown(close)
  return {
    ...pretend,
    ...pretendJobs,
    ...pretendRuns,
    boot: `http://127.0.0.1:${machines.port}`,
    api: `http://127.0.0.1:${owner.port}/api/v1`,
    port: machines.port,
    connections: () => machines.counters().connections ?? 0,
    lines,
    close,
  }
}

type Sent = { token?: string; method?: string; body?: unknown; headers?: Record<string, string> }

/** One request; the body is parsed when it is JSON. */
export async function ask(url: string, { token, method, body, headers }: Sent = {}) {
  const res = await fetch(url, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    signal: AbortSignal.timeout(5_000),
  })
  const text = await res.text()
  const isJson = res.headers.get('content-type')?.startsWith('application/json')
  return { status: res.status, headers: res.headers, text, body: isJson ? JSON.parse(text) : undefined }
}
