import { isIPv4 } from 'node:net'
import { isAbsolute } from 'node:path'
import { LOOK_S } from '../core/pauses.js'
import { ROLE_NAME } from '../core/role.js'

/** Turns the text of a flag, a YAML scalar or an environment variable into a value; `undefined` refuses it. */
type Reader<T> = { readonly takes: string; readonly read: (text: string) => T | undefined }

export type Setting<T = unknown> = Reader<T> & {
  readonly default: T
  readonly means: string
  readonly flag?: true // needs no value on the command line
}

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** The parts of the daemon that log under their own name. */
export const AREAS = [
  'dhcp',
  'tftp',
  'http',
  'scout',
  'install',
  'converge',
  'mirror',
  'inventory',
  'daemon',
] as const
export type Area = (typeof AREAS)[number]

const text = { takes: 'text', read: (s: string) => s }
const address = { takes: 'an IPv4 address', read: (s: string) => (isIPv4(s) ? s : undefined) }
const path = { takes: 'an absolute path', read: (s: string) => (isAbsolute(s) ? s : undefined) }
const url = {
  takes: 'a URL such as http://192.168.1.2:8068',
  read: (s: string) => (/^https?:\/\/[^/\s]+\/?$/.test(s) ? s.replace(/\/$/, '') : undefined),
}
const whole = (min: number, max: number) => ({
  takes: `a whole number from ${min} to ${max}`,
  read: (s: string) => (/^\d{1,9}$/.test(s) && +s >= min && +s <= max ? +s : undefined),
})
const port = whole(1, 65_535)
const optional = <T>(reader: Reader<T>): Reader<T | undefined> => reader
const seconds = optional(whole(1, 7 * 24 * 3600))
const yes = {
  takes: 'true or false',
  flag: true,
  read: (s: string) => ({ true: true, false: false })[s],
} as const
const oneOf = <const C extends readonly string[]>(choices: C) => ({
  takes: `one of ${choices.join(', ')}`,
  read: (s: string): C[number] | undefined => choices.find(c => c === s),
})
const someOf = <const C extends readonly string[]>(choices: C) => ({
  takes: `some of ${choices.join(', ')}, separated by commas`,
  read(s: string): C[number][] | undefined {
    const wanted = s.split(',').flatMap(word => word.trim() || [])
    const known = choices.filter(c => wanted.includes(c))
    return known.length === new Set(wanted).size ? known : undefined
  },
})

const roleNames = {
  takes: 'names of roles, separated by commas',
  read(s: string): readonly string[] | undefined {
    const names = s.split(',').flatMap(name => name.trim() || [])
    return names.every(name => ROLE_NAME.test(name)) ? [...new Set(names)] : undefined
  },
}
const userName = {
  takes: 'a user name of lower-case letters, digits, _ and -, other than root',
  read: (s: string) => (/^[a-z_][a-z0-9_-]{0,31}$/.test(s) && s !== 'root' ? s : undefined),
}

/** What `base` of a URL may hold: it becomes part of paths, of shell words and of preseed lines. */
const MIRROR = /^([a-z0-9][a-z0-9-]{0,31})=(https?:\/\/[A-Za-z0-9.:[\]-]+(?:\/[A-Za-z0-9._~-]+)*)\/?$/
const mirrors = {
  takes: 'NAME=URL, several separated by commas',
  read(s: string): Record<string, string> | undefined {
    const entries = s.split(',').map(entry => MIRROR.exec(entry.trim()))
    const named = entries.flatMap(found => (found?.[1] && found[2] ? [[found[1], found[2]] as const] : []))
    return named.length === entries.length ? Object.fromEntries(named) : undefined
  },
}

function setting<T>(reader: Omit<Setting<T>, 'default' | 'means'>, fallback: T, means: string): Setting<T> {
  return { ...reader, default: fallback, means }
}

/**
 * Every setting there is. The key is the flag and the key in the YAML file; upper-cased, with underscores and
 * MUSTER_ in front, it is the environment variable. docs/configuration.md is made from this table.
 */
export const SETTINGS = {
  interface: setting<string | undefined>(
    text,
    undefined,
    'Network interface of the LAN whose machines are served. Unset: the one with the default route, else the only one that is up and has an IPv4 address.',
  ),
  address: setting<string | undefined>(
    address,
    undefined,
    "IPv4 address that machines are told to fetch from. Unset: the interface's first.",
  ),
  'state-dir': setting(
    path,
    '/var/lib/muster',
    'Directory of the database, the API token, the boot files and the scout.',
  ),
  'profiles-dir': setting(
    path,
    '/etc/muster/profiles',
    'Directory of your own profiles, beside those that come with muster; one of the same name counts instead.',
  ),
  'join-rules': setting(
    path,
    '/etc/muster/join-rules.yaml',
    'File with the rules by which free machines are installed and join a group by themselves (docs/join-rules.md). Absent: none does.',
  ),
  'dhcp-port': setting(port, 67, 'UDP port on which the DHCP broadcasts of machines are heard.'),
  'pxe-port': setting(port, 4011, 'UDP port of the PXE boot service.'),
  'tftp-port': setting(port, 69, 'UDP port of TFTP.'),
  'http-port': setting(
    port,
    8067,
    'TCP port of the boot scripts, kernels and the scout, on the LAN address.',
  ),
  'api-address': setting(
    address,
    '127.0.0.1',
    'Address on which the API listens. The LAN address, or 0.0.0.0, opens it to other hosts; it always asks for the token.',
  ),
  'api-port': setting(port, 8068, 'TCP port of the API.'),
  'log-level': setting<LogLevel>(
    oneOf(LOG_LEVELS),
    'info',
    'How much is logged: this level and the graver ones.',
  ),
  debug: setting<Area[]>(someOf(AREAS), [], 'Areas that log at level debug whatever the log level is.'),
  'dhcp-rate': setting(
    whole(1, 1000),
    20,
    'DHCP answers that one MAC address gets within 10 s. A firmware that retries needs up to a dozen.',
  ),
  'tftp-transfers': setting(whole(1, 10_000), 256, 'TFTP transfers under way at once; more are refused.'),
  'packet-ring': setting(whole(0, 100_000), 2000, 'Last DHCP packets kept in memory for save-packets.'),
  'events-kept': setting(
    whole(1000, 100_000_000),
    100_000,
    'Events kept in the database; the oldest go first.',
  ),
  'scout-args': setting(text, '', "Text added to the scout's kernel command line."),
  'check-neighbours': setting(
    yes,
    true,
    "Refuse a boot script to a machine whose MAC address is not the one that the kernel's neighbour table has for its IP address.",
  ),
  'authorized-keys': setting(
    path,
    '/etc/muster/authorized_keys',
    "The owner's public SSH keys, which every user of every installed system gets: lines as in ~/.ssh/authorized_keys.",
  ),
  'install-attempts': setting(
    whole(1, 100),
    3,
    'How often an install that did not come to its end (a power cut) starts over before the instance fails.',
  ),
  'deadline-reserved': setting(
    seconds,
    undefined,
    "Seconds until an instance fails whose machine does not come for its installer. Unset: the profile's, else the installer's own (docs/states.md).",
  ),
  'deadline-starting': setting(seconds, undefined, 'The same, until the installer asks to begin.'),
  'deadline-installing': setting(seconds, undefined, 'The same, until the disk is written.'),
  'deadline-installed': setting(seconds, undefined, 'The same, until the new system phones home.'),
  'power-off-free-after': setting(
    seconds,
    undefined,
    'Seconds after which a machine that waits in the scout and that nobody wants is switched off; run-instances wakes it by Wake-on-LAN. Unset: it waits on.',
  ),
  'deadline-converging': setting(
    seconds,
    undefined,
    'The same, until the system is a node as its roles want it; what it waits for other nodes does not count.',
  ),
  roles: setting<readonly string[]>(
    roleNames,
    ['base', 'certificate', 'podman', 'master', 'worker'],
    'Roles that nodes get over SSH once they are installed, unless their profile names others. Empty: they are left as they were installed.',
  ),
  'roles-dir': setting(
    path,
    '/etc/muster/roles',
    'Directory of your own roles, beside those that come with muster; one of the same name counts instead.',
  ),
  'owner-user': setting(
    userName,
    'owner',
    "Account on every node that takes the owner's SSH keys and has sudo without a password.",
  ),
  'pool-user': setting(
    userName,
    'pool',
    'Account on every node that runs the containers, with neither password nor sudo.',
  ),
  'converge-at-once': setting(whole(1, 256), 4, 'Nodes that are worked on over SSH at the same time.'),
  'drift-check': setting(
    optional(whole(60, LOOK_S)),
    undefined,
    'Seconds after which a running node is looked at again, and put right where it differs. Unset: when its pool changes, by hand, and every ten days, so that its certificate is renewed in time.',
  ),
  'installer-args': setting(
    text,
    '',
    "Text added to the kernel command line of Debian's and Rocky's installer.",
  ),
  'name-server': setting(
    optional(address),
    undefined,
    "Name server for Debian's installer where the router names none. Unset: the one of this host.",
  ),
  mirrors: setting(
    mirrors,
    {
      debian: 'http://deb.debian.org/debian',
      'debian-security': 'http://deb.debian.org/debian-security',
      rocky: 'https://dl.rockylinux.org/pub/rocky',
    },
    'Mirrors of distributions, by the name that profiles know them by. Security updates come from NAME-security.',
  ),
  'use-mirror-cache': setting(
    yes,
    true,
    'Installers and the nodes that they install fetch packages through the cache of this daemon (/mirror/NAME/).',
  ),
  'mirror-cache-size': setting(
    whole(0, 100_000),
    10,
    'GB that the cache of mirrors may take in the state directory; what was not used for longest goes first.',
  ),
} as const satisfies Record<string, Setting<never> | Setting>

/** Settings of the commands that talk to a running daemon. */
export const CLIENT_SETTINGS = {
  server: setting<string | undefined>(
    url,
    undefined,
    'Where the API is. Unset: http://127.0.0.1 and the API port of this host.',
  ),
  'token-file': setting<string | undefined>(
    path,
    undefined,
    'File that holds the API token. Unset: MUSTER_TOKEN, else api-token in the state directory.',
  ),
  user: setting<string | undefined>(
    text,
    undefined,
    'Whose instances and reservations are meant where -u is not given. Unset: USER of the environment.',
  ),
  group: setting<string | undefined>(
    text,
    undefined,
    'Group that systems are taken from where -g is not given. Unset: any.',
  ),
  profile: setting<string | undefined>(
    text,
    undefined,
    "Profile that is installed where -p is not given. Unset: the system's own.",
  ),
} as const satisfies Record<string, Setting<never> | Setting>

type Camel<S extends string> = S extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : S
type ValuesOf<Table extends Record<string, Setting<never> | Setting>> = {
  readonly [K in keyof Table & string as Camel<K>]: Table[K]['default']
}
export type Settings = ValuesOf<typeof SETTINGS>
export type ClientSettings = ValuesOf<typeof SETTINGS & typeof CLIENT_SETTINGS>

export const camel = (key: string) => key.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
export const envName = (key: string) => `MUSTER_${key.toUpperCase().replaceAll('-', '_')}`
