import { join } from 'node:path'
import t from 'tap'
import { createLab } from './lib/lab.js'
import { DAEMON_INTERFACE } from './lib/namespaces.js'
import { startIn } from './lib/process.js'

/**
 * The daemon on a state directory that cannot be written. The file systems are mounted in a mount namespace of the
 * daemon's own and vanish with it.
 */

const serve = (stateDir: string) =>
  `exec ${process.execPath} dist/cli.js serve --interface ${DAEMON_INTERFACE} --state-dir ${stateDir}`

const lab = await createLab('faults')
t.teardown(() => lab.close())
const mount = join(lab.folder, 'mount')

/** Runs a shell command in the daemon's network namespace and in a mount namespace of its own. */
const runMounted = (label: string, script: string) =>
  startIn(lab.lan.daemon, 'unshare', ['--mount', 'sh', '-e', '-c', `mkdir -p ${mount}; ${script}`], {
    name: label,
    logFile: join(lab.folder, `${label}.log`),
  })

for (const [name, script, why, advice] of [
  ['a read-only state directory', `mount -t tmpfs -o ro tmpfs ${mount}`, /read-only|EROFS/i, /--state-dir/],
  [
    'a full disk',
    `mount -t tmpfs -o size=8k tmpfs ${mount}; dd if=/dev/zero of=${mount}/full bs=4k 2>/dev/null || :`,
    /no space/i,
    /free some/,
  ],
] as const)
  t.test(`${name}: the daemon says so in one line and ends`, async t => {
    const daemon = runMounted(name.replaceAll(' ', '-'), `${script}; ${serve(mount)}`)
    t.equal(await daemon.exited, 1, 'exit code')
    const said = daemon.output
      .text()
      .split('\n')
      .filter(line => line.startsWith('muster: '))
    t.equal(said.length, 1, 'one line for people')
    t.match(said[0], why, 'what is wrong')
    t.match(said[0], mount, 'which directory')
    t.match(said[0], advice, 'what to do')
  })
