import { VERSION } from '../config/version.js'
import type { Config } from '../config.js'
import { createBootScripts } from '../control/bootScripts.js'
import { createInstallDocuments } from '../control/installDocuments.js'
import { createPacketRing } from '../control/packets.js'
import { createProfileViews } from '../control/profileViews.js'
import type { InstallSurroundings } from '../core/installValues.js'
import { isRefusal } from '../core/refusal.js'
import { readAuthorizedKeys } from '../io/authorizedKeys.js'
import type { RulesFile } from '../io/joinRules.js'
import type { Log } from '../io/log.js'
import { readNameServer } from '../io/nameServer.js'
import { macOf } from '../io/neighbours.js'
import type { SshKey } from '../io/sshKey.js'
import { openTemplates } from '../io/templates.js'
import { apiApp, bootApp } from '../servers/apps.js'
import { startDhcp } from '../servers/dhcp.js'
import { type Listen, listen } from '../servers/http.js'
import { startTftp } from '../servers/tftp.js'
import type { Keep } from './parts.js'
import type { State } from './state.js'
import { urlOf } from './url.js'

type App = Parameters<typeof listen>[0]
type Counters = Record<string, () => Record<string, number>>

/** DHCP comes last: who is offered a file finds everybody there to send it. */
export async function openListeners(config: Config, state: State, log: Log, keep: Keep): Promise<void> {
  const { inventory, instances, joining, directory, authority, files, mirrors, token } = state
  const packets = createPacketRing(config.packetRing)
  const counters: Counters = { inventory: inventory.counters, mirror: mirrors.counters }
  const status = statusOf(config, state, counters)

  const serve = async (
    name: string,
    at: Pick<Listen, 'address' | 'port'>,
    app: (end: AbortSignal) => App,
  ) => {
    const closing = new AbortController()
    const listener = await listen(app(closing.signal), { ...at, closing, log: log.area('http') })
    counters[name] = keep(name, listener).counters
  }
  const profileViews = createProfileViews(state.profiles, state.media)
  await serve('api', { address: config.apiAddress, port: config.apiPort }, closing =>
    apiApp({
      ...{ inventory, instances, joining, directory, profileViews, status, token, closing },
      authority: authority.view,
      plan: state.converger.plan,
      packets: () => packets.pcap(),
      log: log.area('http'),
    }),
  )
  const boot = bootRoutes(config, state, log)
  await serve('http', { address: config.address, port: config.httpPort }, closing =>
    bootApp({ ...boot, closing }),
  )

  const tftp = await startTftp({
    address: config.address,
    port: config.tftpPort,
    open: name => files.read(name),
    maxTransfers: config.tftpTransfers,
    log: log.area('tftp'),
  })
  counters.tftp = keep('tftp', tftp).counters

  const dhcp = await startDhcp({
    address: config.address,
    dhcpPort: config.dhcpPort,
    pxePort: config.pxePort,
    httpUrl: urlOf(config),
    available: name => files.has(name),
    ratePerMac: config.dhcpRate,
    log: log.area('dhcp'),
    onSighting: sighting => inventory.sighted(sighting),
    onPacket: packet => packets.add(packet),
  })
  counters.dhcp = keep('dhcp', dhcp).counters
}

function bootRoutes(config: Config, { inventory, files, jobs, media, mirrors, sshKey }: State, log: Log) {
  const templates = openTemplates()
  const neighbour = config.checkNeighbours ? (address: string) => macOf(address) : async () => undefined
  const documents = createInstallDocuments({
    templates,
    media,
    around: () => surroundings(config, sshKey),
    installerArguments: config.installerArgs,
  })
  const scripts = createBootScripts({
    url: urlOf(config),
    scoutArguments: config.scoutArgs,
    templates,
    inventory,
    documents,
    macOf: neighbour,
  })
  return {
    scripts,
    nbp: (name: string) => files.read(name),
    scoutFile: files.readScout,
    mediumFile: media.file,
    mirror: mirrors.get,
    now: () => new Date(),
    inventory,
    jobs,
    documents,
    macOf: neighbour,
    log: log.area('http'),
    scoutLog: log.area('scout'),
    installLog: log.area('install'),
  }
}

async function surroundings(config: Config, sshKey: SshKey): Promise<InstallSurroundings> {
  const ownerKeys = await readAuthorizedKeys(config.authorizedKeys)
  if (isRefusal(ownerKeys)) throw new Error(ownerKeys.why)
  return {
    url: urlOf(config),
    mirrors: config.mirrors,
    throughCache: config.useMirrorCache,
    ownerKeys,
    rootKey: sshKey.public,
    nameServer: config.nameServer ?? (await readNameServer()) ?? config.address,
  }
}

/** What `muster status` tells. */
function statusOf(config: Config, { files, joining }: State, counters: Counters): () => object {
  const started = new Date().toISOString()
  return () => ({
    version: VERSION,
    started,
    interface: config.interface,
    url: urlOf(config),
    programs: files.names(),
    scout: files.scoutFile('initrd') ? 'built' : 'missing',
    joinRules: joinRulesOf(joining.last()),
    memory: process.memoryUsage.rss(), // bytes
    ...Object.fromEntries(Object.entries(counters).map(([area, count]) => [area, count()])),
  })
}

const joinRulesOf = ({ file, rules, problems }: RulesFile) =>
  problems.length > 0
    ? `BROKEN, so that none applies: ${problems.join('; ')}`
    : rules.length > 0
      ? `${rules.map(({ name }) => name).join(', ')} (${file})`
      : 'none'
