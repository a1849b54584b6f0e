import { createHash } from 'node:crypto'
import { DUE, dueName } from './nodeFacts.js'
import type { NodeFacts, Plan, Role, RoleFile, Step, Wanted } from './role.js'
import { PRELUDE, quote } from './shell.js'

export { factsScript, parseFacts } from './nodeFacts.js'

/**
 * What is to be done on a node whose facts are these. Of the steps only the first one is safe to run: the others are
 * planned again after it, by new facts.
 * @throws Error that names role and field, when a template of a role complains
 */
export function planNode(roles: readonly Role[], wanted: Wanted, facts: NodeFacts): Plan {
  const steps: Step[] = []
  const waiting: string[] = []
  for (const role of applying(roles, wanted)) {
    const waits = role.waits(wanted, facts)
    if (waits !== undefined) waiting.push(waits)
    steps.push(...(waits === undefined ? dueOf : filesStep)(role, wanted, facts))
  }
  return waiting[0] === undefined ? { steps } : { steps, waiting: waiting[0] }
}

/** One script that ends with 0 when the node works as all of its roles promise; its last line says which one does not. */
export function checkScript(roles: readonly Role[], wanted: Wanted, facts: NodeFacts): string {
  const checks = applying(roles, wanted).flatMap(role => {
    const check = role.check(wanted, facts)
    return check ? `sh -c ${quote(PRELUDE + check)} || failed ${role.name}\n` : []
  })
  return ['failed() { echo "the check of role $1 failed"; exit 1; }\n', ...checks].join('')
}

/** The facts that other nodes of the pool may see, by `ROLE.NAME`. */
export function publishedFacts(
  roles: readonly Role[],
  wanted: Wanted,
  facts: NodeFacts,
): Readonly<Record<string, string>> {
  const names = applying(roles, wanted).flatMap(role => role.publishes.map(name => `${role.name}.${name}`))
  return Object.fromEntries(names.flatMap(name => (facts[name] ? [[name, facts[name]]] : [])))
}

const applying = (roles: readonly Role[], wanted: Wanted) =>
  roles.filter(role => role.applies(wanted)).sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1))

function dueOf(role: Role, wanted: Wanted, facts: NodeFacts): Step[] {
  return [...packagesStep(role, facts), ...filesStep(role, wanted, facts), ...role.steps(wanted, facts)]
}

/** Those that a role asks for on this system. */
export function packagesOf({ packages }: Pick<Role, 'packages'>, facts: NodeFacts): string[] {
  const family = facts['os.manager'] === 'dnf' ? 'rocky' : 'debian'
  const names = [family, `${family}-${facts['os.version']}`]
  return [...new Set(names.flatMap(name => packages[name] ?? []))]
}

/** Lists are read anew each time: an old one names packages that mirrors have no more. */
const INSTALL = {
  apt: (names: string) => `export DEBIAN_FRONTEND=noninteractive
apt() {
  apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Acquire::http::Timeout=30 \\
    -o Dpkg::Options::=--force-confold "$@" </dev/null
}
dpkg --configure -a --force-confold # an installation that was cut short
apt update
apt --no-install-recommends install ${names}
`,
  dnf: (names: string) =>
    `dnf -q -y --setopt=install_weak_deps=False --setopt=retries=3 install ${names} </dev/null\n`,
} as const

function packagesStep(role: Role, facts: NodeFacts): Step[] {
  const missing = packagesOf(role, facts).filter(name => !facts[`package.${name}`])
  if (missing.length === 0) return []
  const install = facts['os.manager'] === 'dnf' ? INSTALL.dnf : INSTALL.apt
  return [
    {
      id: `${role.name}/packages`,
      reason: `not installed: ${few(missing)}`,
      script: PRELUDE + install(missing.map(quote).join(' ')),
      ...{ timeout: 1200, tries: 5 },
    },
  ]
}

function filesStep(role: Role, wanted: Wanted, facts: NodeFacts): Step[] {
  const due = role.files(wanted, facts).flatMap(file => {
    const why = whyDue(file, facts)
    return why ? [{ file, why }] : []
  })
  if (due.length === 0) return []
  return [
    {
      id: `${role.name}/files`,
      reason: few(due.map(({ file, why }) => `${file.path} ${why}`)),
      script: putFiles(due.map(({ file }) => file)),
      ...{ timeout: 300, tries: 3 },
    },
  ]
}

function whyDue(file: RoleFile, facts: NodeFacts): string | undefined {
  const found = facts[`file.${file.path}`]
  if (file.after && facts[`due.${dueName(file.after)}`]) return 'was changed, and what follows was cut short'
  if (file.content === undefined) return found ? 'is to go' : undefined
  if (!found) return 'is missing'
  const [mode, owner] = found.split(' ')
  const sha256 = createHash('sha256').update(file.content).digest('hex')
  if (facts[`sha256.${file.path}`] !== sha256) return 'differs'
  if (mode !== file.mode) return `has mode ${mode}, not ${file.mode}`
  return owner === file.owner ? undefined : `belongs to ${owner}, not ${file.owner}`
}

/**
 * Files are written by the user who is to own them: what root would write below a home, a link could lead elsewhere.
 * None is ever there half or with other rights. Missing folders are as private as the file.
 */
const PUT = `
due=${DUE}
mkdir -p "$due"
# as USER GROUP COMMANDS FILE [MODE]
as() {
  if [ "$1:$2" = root:root ]; then
    (set -- "$4" "$5" "$3"; eval "$3")
  else
    setpriv --reuid="$1" --regid="$2" --init-groups sh -euc "$3" sh "$4" "$5"
  fi
}
put() {
  as "$1" "$2" '
    case $2 in ?00) umask 077 ;; *) umask 022 ;; esac
    [ -d "\${1%/*}" ] || mkdir -p "\${1%/*}"
    (umask 077 && base64 -d >"$1.new")
    chmod "$2" "$1.new"
    mv -fT "$1.new" "$1"' "$4" "$3"
}
drop() { as "$1" "$2" 'rm -f "$1"' "$3" ''; }
`

function putFiles(files: readonly RoleFile[]): string {
  const commands = [...new Set(files.flatMap(({ after }) => after || []))]
  const marks = commands.map(command => `"$due/${dueName(command)}"`)
  return [
    PRELUDE,
    PUT,
    ...marks.map(mark => `: >${mark}\n`),
    ...files.map(putFile),
    ...commands.map((command, n) => `(\n${command}\n)\nrm -f ${marks[n]}\n`),
  ].join('')
}

function putFile({ path, content, mode, owner }: RoleFile): string {
  const [user = '', group = user] = owner.split(':').map(quote)
  if (content === undefined) return `drop ${user} ${group} ${quote(path)}\n`
  const encoded = Buffer.from(content).toString('base64').replace(/.{76}/g, '$&\n')
  return `put ${user} ${group} ${mode} ${quote(path)} <<'MUSTER_END'\n${encoded}\nMUSTER_END\n`
}

function few(words: readonly string[]): string {
  const shown = words.slice(0, 5).join(', ')
  return words.length > 5 ? `${shown} and ${words.length - 5} more` : shown
}
