import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { golden } from './golden.js'

const PROGRAM = new URL('../dist/cli.js', import.meta.url).pathname
const dir = mkdtempSync(join(tmpdir(), 'muster-cli-'))
t.teardown(() => rmSync(dir, { recursive: true }))
t.jobs = 2

/** Runs the program as a shell does: about 0.2 s a call, so the other tests run commands in this process. */
function muster(words: readonly string[], program = PROGRAM) {
  const env = { PATH: process.env.PATH, MUSTER_STATE_DIR: dir, MUSTER_CONFIG: '/dev/null' }
  return new Promise<{ exit: number; stdout: string; stderr: string }>(resolve =>
    execFile(process.execPath, [program, ...words], { env, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ exit: Number(error?.code ?? 0), stdout, stderr }),
    ),
  )
}

t.test('help', async t => golden(t, 'test/golden/commands/help.txt', (await muster(['--help'])).stdout))
t.test('version', async t => t.match(await muster(['--version']), { exit: 0, stdout: /^\d+\.\d+\.\d+\n$/ }))
t.test('exit codes in the help of a command', async t =>
  t.match(await muster(['describe-systems', '--help']), { exit: 0, stdout: /Exit codes: 0 done, .*\n$/s }),
)
t.test('completion', async t =>
  t.match(await muster(['completion']), { exit: 0, stdout: /complete.* muster/ }),
)

for (const [words, stderr] of [
  ['', /^muster: Which command\?/],
  ['protect-sytem node-1', /^muster: there is no command 'protect-sytem' \(did you mean protect-system\?\)/],
  ['frobnicate', /^muster: there is no command 'frobnicate'/],
  ['scout buld', /^muster: there is no command 'buld' \(did you mean build\?\)/],
  ['--versoin', /^muster: there is no option --versoin without a command \(did you mean --version\?\)/],
  ['describe-systems --colums id', /^muster: there is no option --colums \(did you mean --columns\?\)/],
  ['status node-1', /^muster: there is no place for 'node-1': muster status\n/],
  ['protect-system', /^muster: something is missing: muster protect-system <systems\.\.>\n/],
  ['set-local-boot x node-1', /^muster: how must be one of auto, sanboot, exit, exit-1, not 'x'\n/],
  ['serve --dhcp-port', /^muster: --dhcp-port needs a value\n/],
  ['status --output', /^muster: --output needs a value\n/],
  ['scout build --state-dir x', /^muster: --state-dir must be an absolute path, not 'x'\n$/],
  ['run-instances -n x', /^muster: --count must be a number\n/],
  ['serve --dhcp-port x', /^muster: --dhcp-port must be a whole number from 1 to 65535, not 'x'\n$/],
] as const)
  t.test(`wrong usage: ${words}`, async t =>
    t.match(await muster(words.split(' ').filter(Boolean)), { exit: 2, stdout: '', stderr }),
  )

t.test('no right to write what the scout build writes: one line', async t => {
  const { exit, stderr } = await muster(['scout', 'build', '--state-dir', '/sys/muster'])
  t.match(
    [exit, stderr],
    [1, /^muster: cannot write to \/sys\/muster .*: run this as root, or .*--state-dir\n$/],
  )
})

t.test('a link called muster-COMMAND is the command', async t => {
  const link = join(dir, 'muster-reboot-systems')
  symlinkSync(PROGRAM, link)
  t.match(await muster(['--help'], link), { exit: 0, stdout: /^muster reboot-system \[systems/ })
})
