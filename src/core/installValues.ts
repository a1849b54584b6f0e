import { diskAt } from './diskChoice.js'
import type { Instance } from './instance.js'
import type { Machine } from './machine.js'
import { DEBIAN_SUITES, type Profile, type ProfileUser } from './profile.js'

/** Names of a medium's files: an installer has a kernel and an initrd, an image has the tree of its root. */
export const MEDIUM_FILES = { kernel: 'vmlinuz', initrd: 'initrd', image: 'root.tar.zst' } as const

/** A distribution's mirror in the forms that installers ask for. All are empty where there is none. */
export type MirrorValues = {
  readonly url: string // http://192.168.1.2:8067/mirror/debian
  readonly protocol: string // http, https
  readonly host: string // with the port where it is not the protocol's own
  readonly path: string // /mirror/debian
}

export type UserValues = {
  readonly name: string
  readonly fullName: string
  readonly passwordHash: string // empty: no password login
  readonly sshKeys: readonly string[] // the owner's, the profile's and the user's own
  readonly groups: readonly string[]
  readonly sudo: boolean
}

/** What every template of an install is given. Absent text is empty, absent lists have no member. */
export type InstallValues = {
  readonly hostName: string
  readonly instance: {
    readonly id: string
    readonly name: string
    readonly user: string
    readonly launched: string // ISO 8601
  }
  readonly machine: { readonly id: string; readonly mac: string /* that it netboots from */ }
  readonly profile: {
    readonly name: string
    readonly distribution: string
    readonly release: string
    readonly suite: string // Debian's name of the release
    readonly architecture: string
    readonly installer: string
    readonly packages: readonly string[]
    readonly kernelArguments: string
    readonly timezone: string
    readonly locale: string // en_US.UTF-8
    readonly language: string // en
    readonly country: string // US; empty where the locale names none
    readonly keymap: string
    readonly layout: string
    readonly swap: number // MiB; 0: none
    readonly lateCommands: readonly string[]
    readonly boot: string
  }
  readonly disk: string // path of the disk that is written
  readonly diskSize: number // bytes; 0: not known
  readonly diskSerial: string // as the scout told it
  readonly users: readonly UserValues[]
  readonly rootPasswordHash: string // empty: root has no password
  readonly rootKeys: readonly string[]
  readonly mirror: MirrorValues // the profile's
  readonly securityMirror: MirrorValues // named like the profile's with `-security`
  readonly nameServer: string // where the LAN's DHCP server names none
  readonly urls: {
    readonly muster: string // http://192.168.1.2:8067
    readonly answers: string // preseed.cfg, ks.cfg or the scout's plan
    readonly finish: string // the script that finishes the new system; needs curl or wget, sh
    readonly report: string // POST stage=started|progress|installed|failed, percent, note, reason
    readonly log: string // POST text
  }
  readonly userData: string // base64
}

/** Of the scout's plan: what is unpacked onto the disk. */
export type PlanValues = InstallValues & {
  readonly image: { readonly url: string; readonly size: number /* bytes */; readonly sha256: string }
}

/** Of the finish script: how the new system says that it is up. */
export type FinishValues = InstallValues & {
  readonly phone: { readonly home: string; readonly log: string } // URLs that hold its token
}

/** What the daemon adds to every job. */
export type InstallSurroundings = {
  readonly url: string // where machines reach the daemon
  readonly mirrors: Readonly<Record<string, string>> // name -> URL
  readonly throughCache: boolean // installers and nodes fetch from our cache
  readonly ownerKeys: readonly string[] // lines of authorized_keys
  readonly rootKey: string // of the daemon itself
  readonly nameServer: string
}

export type InstallSubject = {
  readonly instance: Pick<Instance, 'id' | 'name' | 'user' | 'launched' | 'disk'>
  readonly machine: Pick<Machine, 'id' | 'macs' | 'facts'>
  readonly profile: Profile
  readonly token: string
  readonly userData?: Uint8Array
}

/** The names under which an installer fetches its answers: Debian's wants to see what it gets. */
export const ANSWER_NAMES = { image: 'plan', preseed: 'preseed.cfg', kickstart: 'ks.cfg' } as const

/** Where an installer's token leads. */
export function installUrls(url: string, token: string, installer: Profile['installer']) {
  const base = `${url}/install/v1/${token}`
  return {
    muster: url,
    answers: `${base}/${ANSWER_NAMES[installer]}`,
    finish: `${base}/finish`,
    report: `${base}/report`,
    log: `${base}/log`,
  }
}

export function phoneUrls(url: string, phoneToken: string): FinishValues['phone'] {
  const base = `${url}/install/v1/${phoneToken}`
  return { home: `${base}/phone-home`, log: `${base}/log` }
}

/** The NIC that a machine netboots from: as the scout told, else the first that was seen. */
export const bootMacOf = ({ facts, macs }: Pick<Machine, 'macs' | 'facts'>): string =>
  facts?.bootMac ?? macs[0] ?? ''

export function installValues(subject: InstallSubject, around: InstallSurroundings): InstallValues {
  const { instance, machine, profile, token, userData } = subject
  return {
    hostName: instance.name,
    instance: {
      id: instance.id,
      name: instance.name,
      user: instance.user,
      launched: instance.launched.toISOString(),
    },
    machine: { id: machine.id, mac: bootMacOf(machine) },
    profile: profileValues(profile),
    disk: instance.disk,
    ...diskValues(subject),
    users: profile.users.map(user => userValues(user, [...around.ownerKeys, ...profile.sshKeys])),
    rootPasswordHash: profile.rootPasswordHash ?? '',
    rootKeys: [around.rootKey],
    mirror: mirrorValues(profile.mirror, around),
    securityMirror: mirrorValues(`${profile.mirror}-security`, around),
    nameServer: around.nameServer,
    urls: installUrls(around.url, token, profile.installer),
    userData: userData ? Buffer.from(userData).toString('base64') : '',
  }
}

/** By these the scout knows that the path still leads to the disk that was chosen. */
export function diskValues({ instance, machine }: Pick<InstallSubject, 'instance' | 'machine'>) {
  const disk = machine.facts && diskAt(machine.facts, instance.disk)
  return { diskSize: disk?.size ?? 0, diskSerial: disk?.serial ?? '' }
}

function profileValues(p: Profile): InstallValues['profile'] {
  const [, language = 'en', country = ''] = /^([a-z]{2,3})(?:_([A-Z]{2}))?/.exec(p.locale) ?? []
  return {
    name: p.name,
    distribution: p.distribution,
    release: p.release,
    suite: (p.distribution === 'debian' && DEBIAN_SUITES[p.release]) || '',
    architecture: p.architecture,
    installer: p.installer,
    packages: p.packages,
    kernelArguments: p.kernelArguments,
    timezone: p.timezone,
    locale: p.locale,
    language, // of C.UTF-8 as of any that names none: English
    country,
    keymap: p.keymap,
    layout: p.partitioning.layout,
    swap: Math.ceil(p.partitioning.swap / 2 ** 20),
    lateCommands: p.lateCommands,
    boot: p.boot,
  }
}

const userValues = (user: ProfileUser, keys: readonly string[]): UserValues => ({
  name: user.name,
  fullName: user.fullName,
  passwordHash: user.passwordHash ?? '',
  sshKeys: [...new Set([...keys, ...user.sshKeys])],
  groups: user.groups,
  sudo: user.sudo,
})

const NO_MIRROR: MirrorValues = { url: '', protocol: '', host: '', path: '' }

/** Through our cache every mirror speaks http, at an address that needs no name server. */
export function mirrorValues(
  name: string,
  { url, mirrors, throughCache }: Pick<InstallSurroundings, 'url' | 'mirrors' | 'throughCache'>,
): MirrorValues {
  const upstream = Object.hasOwn(mirrors, name) ? mirrors[name] : undefined
  if (upstream === undefined) return NO_MIRROR
  const { href, protocol, host, pathname } = new URL(throughCache ? `${url}/mirror/${name}` : upstream)
  return {
    url: href.replace(/\/$/, ''),
    protocol: protocol.slice(0, -1),
    host,
    path: pathname.replace(/\/$/, ''),
  }
}
