import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LineCounter, parseDocument } from 'yaml'
import { chooseLan, type Lan, type Network, readNetwork } from './config/interface.js'
import {
  CLIENT_SETTINGS,
  type ClientSettings,
  camel,
  envName,
  SETTINGS,
  type Setting,
  type Settings,
} from './config/settings.js'
import { didYouMean } from './core/suggest.js'

export { didYouMean } from './core/suggest.js'
export { CLIENT_SETTINGS, camel, envName, SETTINGS, type Setting }

/** What the daemon runs with. Frozen; ports and sizes are in the units that docs/configuration.md names. */
export type Config = Omit<Settings, keyof Lan> & Lan

/** What a command goes by where it is not told: `user` is USER of the environment unless one is set. */
export type Defaults = Pick<ClientSettings, 'user' | 'group' | 'profile'>

/** Where a command finds the API. `token` is absent when there is none to be found; `why` then tells. */
export type ClientConfig = { server: string; defaults: Defaults } & (
  | { token: string }
  | { token?: never; why: string }
)

/** What the commands that work on the daemon's own host need of its settings. */
export type LocalConfig = Pick<Settings, 'stateDir' | 'profilesDir' | 'mirrors'>
export type Problems = { problems: string[] }
export type Flags = Readonly<Record<string, unknown>>
export type Env = Readonly<Record<string, string | undefined>>

export const DEFAULT_FILE = '/etc/muster/muster.yaml'

type Found = { text: string; from: string }
type Table = Readonly<Record<string, Setting>>
const ALL: Table = { ...SETTINGS, ...CLIENT_SETTINGS }

/** Flags before environment before file before default; every problem at once, each with where it comes from. */
export function loadConfig(flags: Flags, env: Env, network: Network = readNetwork()): Config | Problems {
  const read = readSettings(SETTINGS, flags, env)
  if ('problems' in read) return read
  const settings = read.values as Settings
  const { ownerUser, poolUser } = settings
  if (ownerUser === poolUser)
    return { problems: [`owner-user and pool-user must be two accounts, not both '${ownerUser}'`] }
  const lan = chooseLan(settings, network)
  return 'problem' in lan ? { problems: [lan.problem] } : Object.freeze({ ...settings, ...lan })
}

/** Without the LAN: a host that has none yet can build, too. */
export function loadLocalConfig(flags: Flags, env: Env): LocalConfig | Problems {
  const { 'state-dir': stateDir, 'profiles-dir': profilesDir, mirrors } = SETTINGS
  const read = readSettings({ 'state-dir': stateDir, 'profiles-dir': profilesDir, mirrors }, flags, env)
  return 'problems' in read ? read : (read.values as LocalConfig)
}

/** The same sources for the commands: on the daemon's own host they need no setting at all. */
export function loadClientConfig(flags: Flags, env: Env): ClientConfig | Problems {
  const read = readSettings(ALL, flags, env)
  if ('problems' in read) return read
  const settings = read.values as ClientSettings
  const { group, profile, user = env.USER } = settings
  const found = {
    server: settings.server ?? `http://${reachable(settings.apiAddress)}:${settings.apiPort}`,
    defaults: { user, group, profile },
  }
  if (env.MUSTER_TOKEN && !settings.tokenFile) return { ...found, token: env.MUSTER_TOKEN.trim() }
  const file = settings.tokenFile ?? join(settings.stateDir, 'api-token')
  const token = attempt(() => readFileSync(file, 'utf8').trim())
  if (token instanceof Error) return { ...found, why: `cannot read the API token: ${token.message}` }
  return token ? { ...found, token } : { ...found, why: `${file} is empty` }
}

const reachable = (address: string) => (address === '0.0.0.0' ? '127.0.0.1' : address)

function readSettings(table: Table, flags: Flags, env: Env): { values: unknown } | Problems {
  const file = readConfigFile(flags, env)
  const problems = [...file.problems]
  const values: Record<string, unknown> = {}
  for (const [key, setting] of Object.entries(table)) {
    const found = fromFlag(key, flags) ?? fromEnv(key, env) ?? file.found.get(key)
    const value = found ? setting.read(found.text) : setting.default
    if (found && value === undefined)
      problems.push(`${found.from} must be ${setting.takes}, not '${found.text}'`)
    values[camel(key)] = value
  }
  return problems.length ? { problems } : { values }
}

const fromFlag = (key: string, flags: Flags): Found | undefined => {
  const value = flags[key]
  return value === undefined ? undefined : { text: String(value), from: `--${key}` }
}

const fromEnv = (key: string, env: Env): Found | undefined => {
  const text = env[envName(key)]
  return text === undefined ? undefined : { text, from: `${envName(key)} in the environment` }
}

type FileSettings = { found: Map<string, Found>; problems: string[] }

/** A file that was asked for must be there; the one in /etc may be absent. */
function readConfigFile(flags: Flags, env: Env): FileSettings {
  const asked = fromFlag('config', flags) ?? fromEnv('config', env)
  const path = asked?.text ?? DEFAULT_FILE
  const text = attempt(() => readFileSync(path, 'utf8'))
  if (typeof text === 'string') return parseConfigFile(text, path)
  const absent = !asked && 'code' in text && (text.code === 'ENOENT' || text.code === 'EACCES')
  return { found: new Map(), problems: absent ? [] : [`cannot read the configuration: ${text.message}`] }
}

/** One flat YAML map; every problem carries `file:line`. */
export function parseConfigFile(text: string, path: string): FileSettings {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true })
  const found: FileSettings['found'] = new Map()
  const problems = document.errors.map(e => `${path}:${lines.linePos(e.pos[0]).line}: ${e.message}`)
  const contents: unknown = problems.length ? {} : (document.toJS() ?? {})
  if (typeof contents !== 'object' || contents === null || Array.isArray(contents))
    return { found, problems: [`${path}:1: must be a map of settings, such as 'interface: eth0'`] }
  for (const [key, value] of Object.entries(contents)) {
    const from = `${path}:${lineOf(key, text)}`
    if (!Object.hasOwn(ALL, key))
      problems.push(`${from}: there is no setting '${key}'${didYouMean(key, Object.keys(ALL))}`)
    else if (!isPlain(value)) problems.push(`${from}: ${key} must be one value, or a list of values`)
    else if (value !== null) found.set(key, { text: String(value), from: `${from}: ${key}` })
  }
  return { found, problems }
}

const isPlain = (value: unknown): boolean =>
  Array.isArray(value) ? value.every(v => !Array.isArray(v) && isPlain(v)) : !(value instanceof Object)

/** Keys are plain and unique (YAML refuses duplicates), so the first line that starts with one is its own. */
const lineOf = (key: string, text: string) =>
  text.split('\n').findIndex(line => line.replace(/['"]/g, '').startsWith(`${key}:`)) + 1

function attempt<T>(act: () => T): T | Error {
  try {
    return act()
  } catch (cause) {
    return cause instanceof Error ? cause : new Error(String(cause))
  }
}
