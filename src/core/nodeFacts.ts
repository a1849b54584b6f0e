import { createHash } from 'node:crypto'
import { type Refusal, refuse } from './refusal.js'
import type { NodeFacts, Role, Wanted } from './role.js'
import { PRELUDE, quote } from './shell.js'

const BEGIN = 'muster-facts-begin'
const END = 'muster-facts-end'
/** Bounds on what a node says: nothing of it is trusted. */
const MAX = { text: 512 * 1024, lines: 5000, value: 8192 } as const

/** Where nodes keep track of commands that are due because a file was changed. */
export const DUE = '/var/lib/muster/due'
export const dueName = (command: string) => createHash('sha256').update(command).digest('hex').slice(0, 16)

/**
 * Commands that every facts script begins with. `say NAME VALUE` makes a line; `ask NAME COMMANDS` says what they print,
 * which may use `entry` and `uid`. Old machines take long to start a program: this starts few.
 */
const TOOLS = String.raw`
say() {
  case $2 in
    *[[:cntrl:]]*) printf '%s=%s\n' "$1" "$(printf %s "$2" | tr '[:cntrl:]' ' ')" ;;
    ?*) printf '%s=%s\n' "$1" "$2" ;;
  esac
}
ask() { say "$1" "$(eval "$2" </dev/null 2>/dev/null)"; }
# entry FILE NAME: the line of an account
entry() {
  while IFS= read -r line; do
    case $line in "$2":*) echo "$line" && return ;; esac
  done <"$1"
}
# uid NAME: nothing when there is no such account
uid() {
  while IFS=: read -r name _ uid _; do
    [ "$name" != "$1" ] || echo "$uid"
  done </etc/passwd
}
`

/** What every node is asked, whatever its roles. */
const COMMON = `
(. /etc/os-release; say os.id "$ID"; say os.version "\${VERSION_ID%%.*}")
if command -v apt-get >/dev/null; then say os.manager apt; elif command -v dnf >/dev/null; then say os.manager dnf; fi
ask os.architecture 'uname -m'
for fact in kernel=osrelease boot=random/boot_id; do
  read -r said <"/proc/sys/kernel/\${fact#*=}" && say "os.\${fact%%=*}" "$said"
done
for mark in ${DUE}/*; do [ ! -e "$mark" ] || say "due.\${mark##*/}" yes; done
`

/** Says the version of each of these that is an installed package. */
function versions(names: readonly string[]): string {
  const words = names.map(quote).join(' ')
  if (!words) return ''
  return `
if command -v dpkg-query >/dev/null; then
  dpkg-query -W -f='\${db:Status-Status} package.\${Package}=\${Version}\\n' ${words} 2>/dev/null | sed -n 's/^installed //p'
else
  rpm -q --qf 'package.%{NAME}=%{VERSION}-%{RELEASE}\\n' ${words} 2>/dev/null | grep '^package[.]'
fi
`
}

/**
 * Says rights and owner of each path that is there, and the digest of each that is a file. A link is not followed: in a
 * home it may lead to what its user must not read.
 */
function states(paths: readonly string[]): string {
  const words = paths.map(quote).join(' ')
  if (!words) return ''
  return `
stat -c 'file.%n=%a %U:%G' ${words} 2>/dev/null
set --
for path in ${words}; do [ -L "$path" ] || [ ! -f "$path" ] || set -- "$@" "$path"; done
[ $# = 0 ] || sha256sum "$@" 2>/dev/null | sed 's/^\\([0-9a-f]*\\)  \\(.*\\)/sha256.\\2=\\1/'
`
}

/** The one script that asks a node for all that these roles plan by. It changes nothing. */
export function factsScript(roles: readonly Role[], wanted: Wanted): string {
  const applying = roles.filter(role => role.applies(wanted))
  const packages = new Set(applying.flatMap(role => Object.values(role.packages).flat()))
  const paths = new Set(applying.flatMap(role => role.paths(wanted)))
  const own = applying.flatMap(role =>
    Object.entries(role.factScripts(wanted)).map(
      ([name, script]) => `ask ${role.name}.${name} ${quote(script)}\n`,
    ),
  )
  return [
    PRELUDE.replace('set -eu', 'set -u'),
    TOOLS,
    `echo ${BEGIN}\n`,
    COMMON,
    versions([...packages].sort()),
    states([...paths].sort()),
    ...own,
    `echo ${END}\n`,
  ].join('')
}

const LINE = /^((?:os|package|file|sha256|due|[a-z][a-z0-9-]{0,31})\.[\w./@%+:~-]{1,250})=(.*)$/s

/** Facts out of what the node printed; refused when it is not whole. Of two of one name the first counts. */
export function parseFacts(text: string): NodeFacts | Refusal {
  if (text.length > MAX.text) return refuse('invalid', 'the node said more about itself than can be read')
  const lines = text.split('\n', MAX.lines + 2)
  const [begin, end] = [lines.indexOf(BEGIN), lines.indexOf(END)]
  if (begin < 0 || end < begin) return refuse('invalid', 'the node did not say all about itself')
  const facts = new Map<string, string>()
  for (const line of lines.slice(begin + 1, end)) {
    const [, name, value] = LINE.exec(line) ?? []
    if (name === undefined || value === undefined || facts.has(name)) continue
    facts.set(name, tidy(value))
  }
  return Object.fromEntries(facts)
}

const tidy = (value: string) =>
  value
    .replace(/[\p{C}\u2028\u2029]+/gu, ' ')
    .trim()
    .slice(0, MAX.value)
