import { createHash } from 'node:crypto'
import { type Refusal, refuse } from './refusal.js'
import type { NodeFacts, Role, Wanted } from './role.js'
import { PRELUDE, quote } from './shell.js'

const BEGIN = 'muster-facts-begin'
const END = 'muster-facts-end'
/** Bounds on what a node says: nothing of it is trusted. */
const MAX = { text: 512 * 1024, lines: 5000, value: 8192, seconds: 30 } as const

/** Where nodes keep track of commands that are due because a file was changed. */
export const DUE = '/var/lib/muster/due'
export const dueName = (command: string) => createHash('sha256').update(command).digest('hex').slice(0, 16)

/** Commands that every facts script begins with. `say NAME` makes a line of the text that follows. */
const TOOLS = String.raw`
say() {
  case $2 in
    *[[:cntrl:]]*) printf '%s=%s\n' "$1" "$(printf %s "$2" | tr '[:cntrl:]' ' ')" ;;
    ?*) printf '%s=%s\n' "$1" "$2" ;;
  esac
}
ask() { say "$1" "$(timeout ${MAX.seconds} sh -c "$2" </dev/null 2>/dev/null | head -c ${MAX.value})"; }
state() {
  if [ -f "$1" ]; then
    say "file.$1" "$(timeout ${MAX.seconds} sha256sum <"$1" | cut -d ' ' -f 1) $(stat -L -c '%a %U:%G' "$1")"
  elif [ -e "$1" ] || [ -L "$1" ]; then
    say "file.$1" 'is no file'
  fi
}
`

/** What every node is asked, whatever its roles. */
const COMMON = `
(. /etc/os-release; say os.id "$ID"; say os.version "$(echo "$VERSION_ID" | cut -d . -f 1)")
if command -v apt-get >/dev/null; then say os.manager apt; elif command -v dnf >/dev/null; then say os.manager dnf; fi
say os.architecture "$(uname -m)"
say os.kernel "$(uname -r)"
say os.boot "$(cat /proc/sys/kernel/random/boot_id)"
ls -A ${DUE} 2>/dev/null | while read -r mark; do say "due.$mark" yes; done
`

/** Prints the version of each of the words that is an installed package. */
const versions = (names: readonly string[]) => {
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
    ...[...paths].sort().map(path => `state ${quote(path)}\n`),
    ...own,
    `echo ${END}\n`,
  ].join('')
}

const LINE = /^((?:os|package|file|due|[a-z][a-z0-9-]{0,31})\.[\w./@%+:~-]{1,250})=(.*)$/s

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
