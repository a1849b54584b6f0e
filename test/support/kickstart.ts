/**
 * Judges a kickstart file by the grammar of Rocky Linux 9's Anaconda. The judge itself is pykickstart's
 * `ksvalidator -v RHEL9`, which Debian does not package; this stands in for it where it is not installed. Which
 * commands there are, and the class that each one's options come from (third column), is read off pykickstart's
 * handlers/rhel9.py; the options of `volgroup` off its class, those of the others are written down from its
 * documentation and from what Anaconda is known to take, so that an option may be missing here. What RHEL 9
 * deprecates is refused, and so is a command that is not in the tables: they hold what a server's unattended install
 * may need.
 */

/** How an option is written: alone, with any value, with a whole number, or with one of some words. */
type Takes = 'nothing' | 'text' | 'number' | readonly string[]
type Command = {
  readonly options?: Readonly<Record<string, Takes>>
  readonly required?: readonly string[]
  readonly oneOf?: readonly string[] // exactly one of these
  readonly operands?: readonly [least: number, most: number]
  readonly once?: true
  readonly source: string
}

const flags = (...names: string[]) => Object.fromEntries(names.map(name => [name, 'nothing' as const]))
const texts = (...names: string[]) => Object.fromEntries(names.map(name => [name, 'text' as const]))
const numbers = (...names: string[]) => Object.fromEntries(names.map(name => [name, 'number' as const]))

const LUKS = {
  ...flags('encrypted', 'backuppassphrase'),
  ...texts('passphrase', 'escrowcert', 'cipher', 'luks-version', 'pbkdf'),
  ...numbers('pbkdf-memory', 'pbkdf-time', 'pbkdf-iterations'),
}
const PROXY = {
  ...flags('noverifyssl'),
  ...texts('proxy', 'sslcacert', 'sslclientcert', 'sslclientkey'),
}
const PART = {
  ...LUKS,
  ...flags('asprimary', 'grow', 'noformat', 'recommended', 'hibernation', 'resize'),
  ...texts('fstype', 'type', 'onbiosdisk', 'ondisk', 'ondrive', 'onpart', 'usepart', 'fsoptions', 'label'),
  ...texts('fsprofile', 'mkfsoptions'),
  ...numbers('maxsize', 'size'),
}
const REBOOT: Command = { options: flags('eject', 'kexec'), once: true, source: 'reboot.F23_Reboot' }

const COMMANDS: Readonly<Record<string, Command>> = {
  text: { options: flags('non-interactive'), once: true, source: 'displaymode.F26_DisplayMode' },
  cmdline: { options: flags('non-interactive'), once: true, source: 'displaymode.F26_DisplayMode' },
  url: {
    options: { ...PROXY, ...texts('url', 'mirrorlist', 'metalink') },
    ...{ oneOf: ['url', 'mirrorlist', 'metalink'], once: true, source: 'url.F30_Url' },
  },
  repo: {
    options: {
      ...PROXY,
      ...texts('name', 'baseurl', 'mirrorlist', 'metalink', 'includepkgs', 'excludepkgs'),
      ...{ cost: 'number', ignoregroups: 'text', install: 'nothing' },
    },
    ...{ required: ['name'], oneOf: ['baseurl', 'mirrorlist', 'metalink'], source: 'repo.F33_Repo' },
  },
  lang: { options: texts('addsupport'), operands: [1, 1], once: true, source: 'lang.F19_Lang' },
  keyboard: {
    options: texts('vckeymap', 'xlayouts', 'switch'),
    ...{ operands: [0, 1], once: true, source: 'keyboard.F18_Keyboard' },
  },
  timezone: { options: flags('utc'), operands: [0, 1], once: true, source: 'timezone.F33_Timezone' },
  timesource: {
    options: { ...flags('ntp-disable', 'nts'), ...texts('ntp-server', 'ntp-pool') },
    source: 'timesource.F33_Timesource',
  },
  network: {
    options: {
      ...{ bootproto: ['dhcp', 'bootp', 'static', 'query', 'ibft'] },
      ...flags('activate', 'nodefroute', 'nodns', 'noipv4', 'noipv6', 'no-activate'),
      ...texts(
        'device',
        'onboot',
        'hostname',
        'ip',
        'ipv6',
        'ipv6gateway',
        'gateway',
        'netmask',
        'nameserver',
      ),
      ...texts('ethtool', 'essid', 'wepkey', 'wpakey', 'dhcpclass', 'bondslaves', 'bondopts', 'vlanid'),
      ...texts('interfacename', 'teamslaves', 'teamconfig', 'bridgeslaves', 'bridgeopts', 'bindto'),
      ...texts('ipv4-dns-search', 'ipv6-dns-search'),
      ...{ mtu: 'number', 'ipv4-ignore-auto-dns': 'nothing', 'ipv6-ignore-auto-dns': 'nothing' },
    },
    source: 'network.F27_Network',
  },
  firewall: {
    options: {
      ...flags(
        'enabled',
        'enable',
        'disabled',
        'disable',
        'use-system-defaults',
        'ssh',
        'http',
        'smtp',
        'ftp',
      ),
      ...texts('trust', 'port', 'service', 'remove-service'),
    },
    ...{ once: true, source: 'firewall.F28_Firewall' },
  },
  selinux: {
    options: flags('disabled', 'enforcing', 'permissive'),
    ...{ oneOf: ['disabled', 'enforcing', 'permissive'], once: true, source: 'selinux.FC3_SELinux' },
  },
  services: { options: texts('enabled', 'disabled'), once: true, source: 'services.FC6_Services' },
  firstboot: {
    options: flags('disable', 'disabled', 'enable', 'enabled', 'reconfig'),
    ...{ once: true, source: 'firstboot.FC3_Firstboot' },
  },
  skipx: { once: true, source: 'skipx.FC3_SkipX' },
  eula: { options: flags('agreed', 'accepted', 'accept', 'agree'), once: true, source: 'eula.F20_Eula' },
  reboot: REBOOT,
  poweroff: REBOOT,
  shutdown: REBOOT,
  halt: REBOOT,
  ignoredisk: {
    options: texts('drives', 'only-use'),
    ...{ oneOf: ['drives', 'only-use'], once: true, source: 'ignoredisk.F34_IgnoreDisk' },
  },
  zerombr: { once: true, source: 'zerombr.F9_ZeroMbr' },
  clearpart: {
    options: {
      ...flags('all', 'initlabel', 'linux', 'none', 'cdl'),
      ...texts('drives', 'list', 'disklabel'),
    },
    ...{ once: true, source: 'clearpart.F28_ClearPart' },
  },
  bootloader: {
    options: {
      ...{ location: ['mbr', 'partition', 'none', 'boot'] },
      ...texts('append', 'boot-drive', 'driveorder', 'default', 'password'),
      ...flags('iscrypted', 'extlinux', 'disabled', 'nombr', 'leavebootorder'),
      ...numbers('timeout'),
    },
    ...{ once: true, source: 'bootloader.RHEL9_Bootloader' },
  },
  autopart: {
    options: {
      ...LUKS,
      ...{ type: ['lvm', 'btrfs', 'partition', 'plain', 'thinp'] },
      ...flags('nolvm', 'nohome', 'noswap', 'noboot'),
      ...texts('fstype'),
    },
    ...{ once: true, source: 'autopart.RHEL9_AutoPart' },
  },
  reqpart: { options: flags('add-boot'), once: true, source: 'reqpart.F23_ReqPart' },
  part: { options: PART, operands: [1, 1], source: 'partition.RHEL9_Partition' },
  volgroup: {
    options: {
      ...flags('noformat', 'useexisting'),
      ...numbers('pesize', 'reserved-space', 'reserved-percent'),
    },
    ...{ operands: [2, 64], source: 'volgroup.RHEL9_VolGroup' },
  },
  logvol: {
    options: {
      ...LUKS,
      ...flags('grow', 'noformat', 'recommended', 'useexisting', 'hibernation', 'thinpool', 'thin', 'resize'),
      ...texts('fstype', 'name', 'vgname', 'fsoptions', 'label', 'fsprofile', 'poolname', 'profile'),
      ...texts('cachepvs', 'cachemode', 'mkfsoptions'),
      ...numbers('maxsize', 'percent', 'size', 'chunksize', 'metadatasize', 'cachesize'),
    },
    ...{ required: ['name', 'vgname'], operands: [1, 1], source: 'logvol.RHEL9_LogVol' },
  },
  rootpw: {
    options: flags('iscrypted', 'lock', 'plaintext', 'allow-ssh'),
    ...{ operands: [0, 1], once: true, source: 'rootpw.F37_RootPw' },
  },
  sshkey: {
    options: texts('username'),
    required: ['username'],
    operands: [1, 1],
    source: 'sshkey.F22_SshKey',
  },
  group: { options: { name: 'text', gid: 'number' }, required: ['name'], source: 'group.F12_Group' },
  user: {
    options: {
      ...texts('name', 'gecos', 'groups', 'homedir', 'password', 'shell'),
      ...flags('iscrypted', 'lock', 'plaintext'),
      ...numbers('uid', 'gid'),
    },
    ...{ required: ['name'], source: 'user.F24_User' },
  },
}

const SCRIPT = { ...flags('erroronfail'), ...texts('interpreter', 'log', 'logfile') }
/** sections.py: PackageSection.dataObj of RHEL9, and the script sections. */
const SECTIONS: Readonly<Record<string, Command>> = {
  '%packages': {
    options: {
      ...flags(
        'excludedocs',
        'ignoremissing',
        'nocore',
        'default',
        'multilib',
        'exclude-weakdeps',
        'ignorebroken',
      ),
      ...texts('inst-langs'),
      ...numbers('timeout', 'retries'),
    },
    ...{ once: true, source: 'sections.PackageSection' },
  },
  '%addon': {
    operands: [1, 9],
    options: flags('enable', 'disable'),
    source: 'Anaconda, org_fedora_oscap and kdump',
  },
  '%pre': { options: SCRIPT, source: 'sections.PreScriptSection' },
  '%pre-install': { options: SCRIPT, source: 'sections.PreInstallScriptSection' },
  '%post': { options: { ...SCRIPT, ...flags('nochroot') }, source: 'sections.PostScriptSection' },
  '%onerror': { options: SCRIPT, source: 'sections.OnErrorScriptSection' },
  '%traceback': { options: SCRIPT, source: 'sections.TracebackScriptSection' },
}

export type KsCommand = {
  readonly name: string
  readonly options: Readonly<Record<string, string | true>>
  readonly operands: readonly string[]
}
export type KsSection = KsCommand & { readonly body: readonly string[] }
export type Kickstart = { commands: KsCommand[]; sections: KsSection[]; problems: string[] }

/** Reads a kickstart as pykickstart does; every problem names its line. */
export function readKickstart(text: string): Kickstart {
  const read: Kickstart = { commands: [], sections: [], problems: [] }
  let open: (KsSection & { body: string[] }) | undefined
  for (const [index, line] of text.split('\n').entries()) {
    const problem = (why: string) => read.problems.push(`line ${index + 1}: ${why}`)
    if (open) {
      if (line.trim() === '%end') open = undefined
      else if (line.startsWith('%')) problem(`${line} inside of ${open.name}, which lacks its %end`)
      else open.body.push(line)
      continue
    }
    const words = wordsOf(line)
    if (typeof words === 'string') problem(words)
    else if (words[0]) {
      const known = words[0].startsWith('%') ? SECTIONS : COMMANDS
      const command = parsed(words, known[words[0]], problem)
      if (known === COMMANDS) read.commands.push(command)
      else {
        open = { ...command, body: [] }
        read.sections.push(open)
      }
    }
  }
  if (open) read.problems.push(`${open.name} has no %end`)
  judgeWhole(read)
  return read
}

function parsed(
  words: readonly string[],
  form: Command | undefined,
  problem: (why: string) => void,
): KsCommand {
  const [name = '', ...rest] = words
  const command = { name, options: {} as Record<string, string | true>, operands: [] as string[] }
  if (!form) {
    problem(`RHEL 9 knows no ${name}`)
    return command
  }
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i] ?? ''
    const [, option = '', given] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? []
    const takes = form.options?.[option]
    if (!option) command.operands.push(word)
    else if (!takes) problem(`${name} has no option --${option}`)
    else if (takes === 'nothing') {
      if (given !== undefined) problem(`--${option} takes no value`)
      command.options[option] = true
    } else {
      const value = given ?? rest[++i]
      if (!isValue(takes, value)) problem(`${name} --${option} cannot be ${JSON.stringify(value)}`)
      command.options[option] = value ?? ''
    }
  }
  judgeForm(command, form, problem)
  return command
}

function isValue(takes: Takes, value: string | undefined): boolean {
  if (value === undefined || value === '') return false
  if (takes === 'number') return /^\d+$/.test(value)
  return typeof takes === 'string' || takes.includes(value)
}

function judgeForm({ name, options, operands }: KsCommand, form: Command, problem: (why: string) => void) {
  const [least, most] = form.operands ?? [0, 0]
  if (operands.length < least || operands.length > most)
    problem(`${name} takes ${least} to ${most} operands, not ${operands.length}: ${operands}`)
  for (const option of form.required ?? []) if (!(option in options)) problem(`${name} needs --${option}`)
  const chosen = form.oneOf?.filter(option => option in options)
  if (chosen && chosen.length !== 1) problem(`${name} needs exactly one of ${form.oneOf?.join(', ')}`)
}

/** What holds between commands: pykickstart's parse methods and Anaconda's own checks. */
function judgeWhole({ commands, sections, problems }: Kickstart) {
  for (const [name, { once }] of [...Object.entries(COMMANDS), ...Object.entries(SECTIONS)]) {
    const count = [...commands, ...sections].filter(command => command.name === name).length
    if (once && count > 1) problems.push(`${name} comes ${count} times`)
  }
  const all = (name: string) => commands.filter(command => command.name === name)
  if (all('autopart').length && [...all('part'), ...all('volgroup'), ...all('reqpart')].length)
    problems.push('autopart and other partitioning exclude each other')
  for (const { options, operands } of all('logvol')) {
    if (!all('volgroup').some(group => group.operands[0] === options.vgname))
      problems.push(`logvol ${operands[0]}: there is no volume group ${options.vgname}`)
    if (!('size' in options || 'percent' in options || 'recommended' in options))
      problems.push(`logvol ${operands[0]} has no size`)
  }
  const volumes = all('part').map(({ operands }) => operands[0])
  for (const { operands } of all('volgroup'))
    for (const volume of operands.slice(1))
      if (!volumes.includes(volume)) problems.push(`volgroup: there is no part ${volume}`)
  const mounted = [...all('part'), ...all('logvol')].map(({ operands }) => operands[0])
  if (!all('autopart').length && !mounted.includes('/')) problems.push('nothing is mounted at /')
  for (const name of ['url', 'lang', 'keyboard', 'timezone', 'rootpw', 'bootloader'])
    if (!all(name).length) problems.push(`${name} is missing: Anaconda would ask for it`)
  if (!sections.some(({ name }) => name === '%packages')) problems.push('%packages is missing')
}

/** Words as Python's shlex splits them with comments: quotes, backslashes, and `#` up to the line's end. */
export function wordsOf(line: string): string[] | string {
  const words: string[] = []
  const rest = line.replace(/^\s+/, '')
  const pattern = /((?:[^\s'"\\#]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+)|(\s+)|(#.*)|(.)/gsu
  for (const [whole, word, , , wrong] of rest.matchAll(pattern)) {
    if (wrong) return `${JSON.stringify(whole)} has no end`
    if (word !== undefined) words.push(unquoted(word))
  }
  return words
}

const unquoted = (word: string) =>
  word.replace(/'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)/gsu, (_, single, double, escaped) =>
    single !== undefined ? single : double !== undefined ? double.replace(/\\(["\\])/g, '$1') : escaped,
  )
