import { z } from 'zod'
import { DEFAULT_DISK_RULE } from './diskChoice.js'
import { INSTALLERS, LAYOUTS, type Profile } from './profile.js'
import { parseDuration, parseSize } from './quantity.js'
import { ROLE_NAME } from './role.js'
import { listOf, mapOf, matching, oneOf, truth } from './schema.js'

/**
 * A profile as its YAML file has it, parsed into a {@link Profile}. Whatever reaches a shell, a preseed or a kickstart
 * is bounded here; the templates quote it all the same.
 */

/** Turns what YAML read, a number or text, into bytes or seconds. */
const quantity = (parse: (text: string) => number | undefined, takes: string) =>
  z.unknown().transform((value, ctx): number => {
    const parsed = typeof value === 'string' || typeof value === 'number' ? parse(String(value)) : undefined
    if (parsed !== undefined) return parsed
    ctx.addIssue({ code: 'custom', message: `must be ${takes}` })
    return z.NEVER
  })
const diskSize = quantity(text => parseSize(text, 'disk'), 'a size such as 8G or 1T')
const memorySize = quantity(text => parseSize(text, 'memory'), 'a size such as 512M or 8G')
const duration = quantity(parseDuration, 'a time such as 90s, 20min or 2h')

const line = matching(/^[^\p{Cc}\u2028\u2029]{0,200}$/u, 'one line of text')
const name = matching(
  /^[a-z0-9][a-z0-9-]{0,61}$/,
  'lower-case letters, digits and hyphens, as in debian-12-web',
)
const userName = matching(/^[a-z_][a-z0-9_-]{0,31}$/, 'a user name of lower-case letters, digits, _ and -')
const passwordHash = matching(
  /^\$(y|gy|7|2[aby]|6|5)\$[./A-Za-z0-9$=,]{8,250}$/,
  "a hash as mkpasswd prints it, such as '$y$j9T$…', never a password",
)
const sshKey = matching(
  /^(sk-)?(ssh|ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]{40,}={0,2}( [^\p{Cc}\u2028\u2029]*)?$/u,
  'a public key as in an .pub file: ssh-ed25519 AAAA… comment',
)
const packageName = matching(/^(@\^?)?[A-Za-z0-9][A-Za-z0-9+._-]{0,99}$/, 'the name of a package')
const release = z
  .union([z.string(), z.number()], { error: 'must be a number such as 12' })
  .transform(String)
  .pipe(matching(/^\d{1,3}$/, 'a number such as 12'))

// `"`, `$` and the like would have to survive GRUB's shell, /etc/default/grub and the installer's own kernel line
const kernelArguments = matching(
  /^[\w .,:;=/@%+*~^()[\]{}<>!?#&|-]*$/,
  'kernel arguments in ASCII, without quotes, \\, ` and $',
)
const shell = z
  .string({ error: 'must be a shell command' })
  .max(65_536)
  .regex(/^[^\0\r]*\S[^\0\r]*$/, { error: 'must be a shell command' })

const timezone = z.string({ error: 'must be a time zone such as Europe/Berlin' }).refine(isTimezone, {
  error: 'must be a time zone such as Europe/Berlin or Etc/UTC',
})

function isTimezone(zone: string): boolean {
  if (!/^[A-Z][A-Za-z_]+(\/[A-Z][A-Za-z0-9_+-]*){0,2}$/.test(zone)) return false
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch {
    return false
  }
}

const userSchema = mapOf({
  name: userName.refine(user => user !== 'root', { error: 'root is there anyway: see rootPasswordHash' }),
  fullName: matching(/^[^\p{Cc}\u2028\u2029:,]{0,100}$/u, 'one line without : and ,').default(''),
  passwordHash: passwordHash.exactOptional(),
  sshKeys: listOf(sshKey).default([]),
  groups: listOf(matching(/^[a-z_][a-z0-9_-]{0,31}$/, 'the name of a group')).default([]),
  sudo: truth.default(false),
})

const diskSchema = mapOf({
  pick: oneOf(['smallest', 'largest']).default('smallest'),
  minSize: diskSize.default(DEFAULT_DISK_RULE.minSize),
  maxSize: diskSize.exactOptional(),
  transports: listOf(matching(/^[a-z]{2,16}$/, 'a transport such as nvme, sata or usb')).exactOptional(),
  model: line.min(1).exactOptional(),
  removable: truth.default(false),
})

const partitioningSchema = mapOf({
  layout: oneOf(LAYOUTS).default('plain'),
  swap: memorySize.default(0),
})

const deadlinesSchema = mapOf({
  reserved: duration.exactOptional(),
  starting: duration.exactOptional(),
  installing: duration.exactOptional(),
  installed: duration.exactOptional(),
  converging: duration.exactOptional(),
})

const fields = mapOf({
  name,
  description: line.default(''),
  distribution: oneOf(['debian', 'rocky']),
  release,
  architecture: oneOf(['amd64']).default('amd64'),
  installer: oneOf(INSTALLERS),
  template: matching(
    /^(preseed|kickstart)\/[\w.-]+\.njk$/,
    'a template such as preseed/debian.cfg.njk',
  ).exactOptional(),
  mirror: matching(
    /^[a-z0-9][a-z0-9.-]{0,62}$/,
    "the name of a mirror of the daemon's settings",
  ).exactOptional(),
  kernelArguments: kernelArguments.default(''),
  packages: listOf(packageName).default([]),
  users: listOf(userSchema).default([]),
  sshKeys: listOf(sshKey).default([]),
  rootPasswordHash: passwordHash.exactOptional(),
  timezone: timezone.default('Etc/UTC'),
  locale: matching(
    /^([a-z]{2,3}_[A-Z]{2}|C)\.UTF-8$/,
    'a locale of UTF-8 such as de_DE.UTF-8 or C.UTF-8',
  ).default('C.UTF-8'),
  keymap: matching(/^[a-z]{2,}[a-z0-9-]{0,30}$/, 'a keyboard such as us or de').default('us'),
  disk: diskSchema.prefault({}),
  partitioning: partitioningSchema.prefault({}),
  lateCommands: listOf(shell).default([]),
  boot: oneOf(['reboot', 'kexec']).default('reboot'),
  deadlines: deadlinesSchema.prefault({}),
  roles: listOf(matching(ROLE_NAME, 'the name of a role such as base')).exactOptional(),
})

/** What each distribution can be installed by, and the template that does it unless another is named. */
const TEMPLATES: Readonly<Record<string, string>> = {
  'debian preseed': 'preseed/debian.cfg.njk',
  'debian image': '',
  'rocky kickstart': 'kickstart/rocky.ks.njk',
}

type Fields = z.output<typeof fields>

/** What no field can tell alone. */
function agree(p: Fields, ctx: z.RefinementCtx): void {
  const wrong = (path: (string | number)[], message: string) =>
    ctx.addIssue({ code: 'custom', path, message })
  const kind = `${p.distribution} ${p.installer}`
  if (TEMPLATES[kind] === undefined)
    wrong(
      ['installer'],
      `cannot be ${p.installer} for ${p.distribution}: there are ${Object.keys(TEMPLATES).join(', ')}`,
    )
  if (p.template && !p.template.startsWith(`${p.installer}/`))
    wrong(['template'], `must be one of ${p.installer}/, as the installer is ${p.installer}`)
  if (p.disk.maxSize !== undefined && p.disk.maxSize < p.disk.minSize)
    wrong(['disk', 'maxSize'], 'must not be less than disk.minSize')
  const names = p.users.map(user => user.name)
  for (const [n, user] of names.entries())
    if (names.indexOf(user) !== n) wrong(['users', n, 'name'], `there are two users called ${user}`)
}

export const profileSchema = fields.superRefine(agree).transform(
  (p): Profile => ({
    ...p,
    template: p.template ?? TEMPLATES[`${p.distribution} ${p.installer}`] ?? '',
    mirror: p.mirror ?? p.distribution,
  }),
)

const KEYS: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(fields.shape),
  users: Object.keys(userSchema.shape),
  disk: Object.keys(diskSchema.shape),
  partitioning: Object.keys(partitioningSchema.shape),
  deadlines: Object.keys(deadlinesSchema.shape),
}

/** The fields that there are at a place of the file: `keysAt([])`, `keysAt(['users', 0])`. */
export const keysAt = (path: readonly PropertyKey[]): readonly string[] => KEYS[String(path[0] ?? '')] ?? []

/** Every field by its full name: `disk.minSize`, `users[].name`. */
export const FIELDS: readonly string[] = keysAt([]).flatMap(key =>
  keysAt([key]).length ? keysAt([key]).map(inner => `${key}${key === 'users' ? '[]' : ''}.${inner}`) : key,
)
