import type { Stage } from './instance.js'

/** How a profile gets onto a disk: an image that the scout writes, Debian's installer, or Rocky's. */
export const INSTALLERS = ['image', 'preseed', 'kickstart'] as const
export type Installer = (typeof INSTALLERS)[number]

/** `encryption-ready`: LVM, a /boot of its own and room in the volume group, so that root can be encrypted in place. */
export const LAYOUTS = ['plain', 'lvm', 'encryption-ready'] as const
export type Layout = (typeof LAYOUTS)[number]

export type ProfileUser = {
  readonly name: string
  readonly fullName: string
  readonly passwordHash?: string // crypt(5); absent: no password login
  readonly sshKeys: readonly string[] // beside the owner's
  readonly groups: readonly string[]
  readonly sudo: boolean // without a password
}

/** Which disk is written. Sizes in bytes. */
export type DiskRule = {
  readonly pick: 'smallest' | 'largest'
  readonly minSize: number
  readonly maxSize?: number
  readonly transports?: readonly string[] // absent: any but usb
  readonly model?: string // part of the model's name, in any case
  readonly removable: boolean // whether a removable one may be taken
}

/** What is installed, and how: one YAML file each, in profiles/ or the owner's folder. */
export type Profile = {
  readonly name: string
  readonly description: string
  readonly distribution: 'debian' | 'rocky'
  readonly release: string // 12, 13, 9
  readonly architecture: 'amd64'
  readonly installer: Installer
  readonly template: string // of the installer's answers, from the repository's root; unused by images
  readonly mirror: string // name of a mirror of the settings
  readonly kernelArguments: string // of the installed system
  readonly packages: readonly string[]
  readonly users: readonly ProfileUser[]
  readonly sshKeys: readonly string[] // for every user of the profile, beside the owner's
  readonly rootPasswordHash?: string // crypt(5); absent: root has no password
  readonly timezone: string
  readonly locale: string
  readonly keymap: string
  readonly disk: DiskRule
  readonly partitioning: { readonly layout: Layout; readonly swap: number /* bytes; 0: none */ }
  readonly lateCommands: readonly string[] // shell, as root in the installed system, before its first boot
  readonly boot: 'reboot' | 'kexec' // how an image is started
  readonly deadlines: { readonly [S in Stage]?: number } // seconds
  readonly roles?: readonly string[] // what its nodes get; absent: what the settings say
}

/** Release names of Debian, by number. */
export const DEBIAN_SUITES: Readonly<Record<string, string>> = { '12': 'bookworm', '13': 'trixie' }

/** The kernel, initrd or image that the profile is installed from; profiles of one distribution share an installer's. */
export const mediumOf = (
  p: Pick<Profile, 'name' | 'installer' | 'distribution' | 'release' | 'architecture'>,
) => (p.installer === 'image' ? p.name : `${p.distribution}-${p.release}-${p.architecture}-installer`)
