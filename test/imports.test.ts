import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'

/** Who may import whom. A folder that is not named here may import nothing of ours but itself. */
const MAY_IMPORT = [
  ['core', 'wire', 'decisions are made on values that the wire decoded'],
  ['io', 'core', 'the world stores and returns core types'],
  ['io', 'wire', 'addresses and packets are plain values'],
  ['control', 'core', 'load, decide, save, act'],
  ['control', 'io', 'load, decide, save, act'],
  ['control', 'wire', 'addresses and packets are plain values'],
  ['servers', 'control', 'a listener hands over what it received'],
  ['servers', 'core', 'a listener sends the answer that was decided'],
  ['servers', 'wire', 'bytes come in and go out here'],
  ['commands', 'core', 'a command prints core types; it speaks HTTP to the daemon and nothing else'],
  ['local', 'commands', 'the form of a command and its exit codes'],
  ['local', 'main', 'serve starts the daemon; local commands need no daemon'],
  ['local', 'config', 'local commands read the same settings'],
  ['local', 'io', 'building the scout writes the world'],
  ['local', 'core', 'replay shows the same decision as the daemon'],
  ['local', 'wire', 'replay decodes captures'],
  ['config', 'core', 'which word was probably meant'],
  ['cli', 'commands', 'the table of commands'],
  ['cli', 'local', 'the table of commands'],
  ['cli', 'config', 'flags of serve'],
  ['commands', 'config', 'where the API and its token are found'],
] as const

/** Only main sees all: it builds the parts. */
const SEES_ALL = 'main'

const part = (path: string) => path.split('/')[0]?.replace(/\.[jt]s$/, '') ?? ''
const allowed = (from: string, to: string) =>
  from === to || from === SEES_ALL || MAY_IMPORT.some(([f, to_]) => f === from && to_ === to)

const src = new URL('../src', import.meta.url).pathname
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(f => f.endsWith('.ts'))

for (const file of files)
  t.test(file, async t => {
    const text = readFileSync(join(src, file), 'utf8')
    for (const [, target = ''] of text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)) {
      const to = part(normalize(join(dirname(file), target)))
      t.ok(allowed(part(file), to), `${part(file)} may import ${to}`)
    }
  })

for (const file of files.filter(f => /^(wire|core)\//.test(f)))
  t.test(`${file} is pure`, async t => {
    const text = readFileSync(join(src, file), 'utf8')
    t.notMatch(text, /from 'node:(fs|net|dgram|http|https|child_process|dns|timers)/, 'touches no world')
    t.notMatch(
      text,
      /Date\.now\(|new Date\(\)|Math\.random\(|setTimeout\(|setInterval\(/,
      'time and chance are arguments',
    )
  })
