import type { Mac } from '../wire/mac.js'
import type { InstallValues } from './installValues.js'

/** What an installer's kernel line is made from. `mac`: of the NIC that the machine netboots from now. */
export type InstallerLine = {
  readonly values: Pick<InstallValues, 'hostName' | 'profile' | 'mirror' | 'nameServer' | 'urls'>
  readonly mac: Mac
  readonly more: string // the owner's, for installers
}

/** As PXELINUX passes it on: 01 is Ethernet. Both installers look for the NIC by it. */
const bootif = (mac: Mac) => `BOOTIF=01-${mac.replaceAll(':', '-')}`

/** The last one is /dev/console. Without `quiet` the kernel prints its line, with the token in it. */
const CONSOLES = ['quiet', 'console=ttyS0,115200', 'console=tty0']

/**
 * Debian's installer reads its preseed through the network, so what it asks before that is answered here: language,
 * keyboard, which NIC, what name, and the name server where DHCP tells none: it stops for that one otherwise. With
 * `interface=auto` netcfg takes the NIC that BOOTIF names. What follows `---` goes into the installed system's boot
 * loader as well.
 */
function preseed({ values, mac, more }: InstallerLine): string[] {
  const { urls, profile, hostName, nameServer } = values
  return [
    'auto=true',
    'priority=critical',
    `url=${urls.answers}`,
    `locale=${profile.locale}`,
    `keymap=${profile.keymap}`,
    'interface=auto',
    bootif(mac),
    `hostname=${hostName}`,
    `netcfg/get_nameservers=${nameServer}`,
    ...CONSOLES,
    ...words(more),
    ...(profile.kernelArguments === '' ? [] : ['---', ...words(profile.kernelArguments)]),
  ]
}

/** Anaconda: `inst.repo` is where its second stage and the packages are. */
function kickstart({ values, mac, more }: InstallerLine): string[] {
  const { urls, profile, mirror } = values
  return [
    `inst.ks=${urls.answers}`,
    `inst.repo=${mirror.url}/${profile.release}/BaseOS/x86_64/os/`,
    'ip=dhcp',
    bootif(mac),
    ...CONSOLES,
    ...words(more),
  ]
}

const words = (text: string) => text.split(/\s+/).filter(word => word !== '')

/** The arguments of an installer's kernel, each one word. An image has no kernel of its own: the scout writes it. */
export const installerArguments: Readonly<
  Record<'preseed' | 'kickstart', (line: InstallerLine) => readonly string[]>
> = {
  preseed,
  kickstart,
}
