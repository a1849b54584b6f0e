import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { factsSchema } from '../../src/core/facts.js'

/** The scout's scripts, run on recorded machines: their /proc and /sys as a tree, their commands as canned answers. */

t.jobs = 4
const run = promisify(execFile)
const SCRIPTS = new URL('../../scout/root/usr/lib/scout/', import.meta.url).pathname
const FIXTURES = new URL('../fixtures/scout/', import.meta.url).pathname

type Recorded = {
  files: Record<string, unknown>
  links: Record<string, string>
  commands: Record<string, string>
  want: unknown
}

/** On a machine the scripts run with dash and busybox; what differs from the host's own tools shows here. */
const TOOLS = [
  ['the tools of this host', ''],
  ['busybox', ['/usr/bin/busybox', '/bin/busybox'].find(existsSync)],
] as const

function put(path: string): string {
  mkdirSync(dirname(path), { recursive: true })
  return path
}

function unpack(t: Test, machine: Recorded, busybox: string): { SYSROOT: string; PATH: string } {
  const root = t.testdir({ bin: {}, applets: {} })
  for (const [path, text] of Object.entries(machine.files)) writeFileSync(put(join(root, path)), `${text}\n`)
  for (const [path, target] of Object.entries(machine.links)) symlinkSync(target, put(join(root, path)))
  for (const [command, answer] of Object.entries(machine.commands)) {
    const [program = '', ...args] = command.split(' ')
    writeFileSync(put(join(root, 'answers', args.join('_').replaceAll('/', '_'))), `${answer}\n`)
    const script = `#!/bin/sh\nIFS=_\ncat "${root}/answers/$(echo "$*" | tr / _)" 2>/dev/null\n`
    writeFileSync(join(root, 'bin', program), script, { mode: 0o755 })
  }
  for (const applet of ['awk', 'sed', 'sort', 'head', 'tr', 'grep', 'readlink', 'cat', 'ls'])
    if (busybox) symlinkSync(busybox, join(root, 'applets', applet))
  return { SYSROOT: root, PATH: `${root}/bin:${root}/applets:/usr/sbin:/usr/bin:/sbin:/bin` }
}

for (const file of readdirSync(FIXTURES))
  for (const [tools, busybox] of TOOLS)
    t.test(`${file} with ${tools}`, { skip: busybox === undefined && 'no busybox here' }, async t => {
      const machine = parse(readFileSync(join(FIXTURES, file), 'utf8')) as Recorded
      const env = { ...unpack(t, machine, busybox ?? ''), LC_ALL: 'C' }
      const { stdout, stderr } = await run('sh', [join(SCRIPTS, 'facts')], { env, timeout: 20_000 })
      t.equal(stderr, '', 'complains about nothing')
      const facts: unknown = JSON.parse(stdout)
      t.strictSame(facts, machine.want)
      t.same(factsSchema.safeParse(facts).error?.issues, undefined, 'is what the daemon accepts')
    })

const sh = (script: string, env = {}) =>
  run('sh', ['-c', `. "${SCRIPTS}json"; ${script}`], { timeout: 5_000, env: { ...process.env, ...env } })

for (const [name, text, want] of [
  ['plain', 'ST1200MM0099', 'ST1200MM0099'],
  ['quotes', 'a "b" c', 'a "b" c'],
  ['a backslash', 'a\\b\\\\', 'a\\b\\\\'],
  ['white space', ' a \t\n b  ', 'a b'],
  ['what is not ASCII', 'caf\u00e9 1', 'caf 1'],
  ['a control character', 'a\u0001b', 'a b'],
  ['shell', '$(reboot) `reboot` $HOME', '$(reboot) `reboot` $HOME'],
  ['printf', '%s%n\\n', '%s%n\\n'],
  ['awk', '&\\&', '&\\&'],
  ['256 characters', 'x'.repeat(256), 'x'.repeat(256)],
  ['more', 'x'.repeat(300), 'x'.repeat(256)],
] as const)
  t.test(`a string of ${name}`, async t => {
    t.equal(JSON.parse((await sh('string "$TEXT"', { TEXT: text })).stdout), want)
  })
