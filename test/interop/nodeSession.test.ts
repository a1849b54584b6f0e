import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { commandOf, openNode } from '../../src/io/nodeSession.js'
import { openSession } from '../../src/io/ssh.js'
import { startSshd } from '../support/sshd.js'

/** Scripts that are run on a node, against OpenSSH's server. */

const BOUND_MS = 30_000
const { dir, reach, log } = await startSshd(t)

const folder = join(dir, 'run')
mkdirSync(folder)
const open = (end = AbortSignal.timeout(120_000)) => openNode({ ...reach, end }, folder)
const left = () => readdirSync(folder).filter(name => name !== 'muster.lock')

async function until(what: string, holds: () => boolean) {
  for (const end = Date.now() + BOUND_MS; !holds(); await pause(20))
    if (Date.now() > end) throw new Error(`not within ${BOUND_MS / 1000} s: ${what}`)
}
const textOf = (path: string) => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
const fileOf = (t: Test) => join(dir, t.name.replace(/\W+/g, '-'))

t.test('several scripts over one connection', async t => {
  const before = log.length
  const node = await open()
  t.same(await node.run({ script: 'echo a; echo b >&2; exit 3', timeout: 9 }), {
    ...{ code: 3, stdout: 'a\n', stderr: 'b\n' },
  })
  const input = Buffer.alloc(2_000_000, 'x')
  t.match(await node.run({ script: 'wc -c', input, timeout: 9 }), { code: 0, stdout: '2000000\n' })
  t.match(await node.run({ script: 'cat', timeout: 9 }), { code: 0, stdout: '' }, 'no input')
  t.match(await node.run({ script: 'seq 300000', timeout: 9 }), { stdout: /\n300000\n$/ })
  t.match(await node.run({ script: `printf '%s' 'é"$x'`, timeout: 9 }), { stdout: 'é"$x' })
  node.close()
  t.equal(
    log
      .slice(before)
      .join('')
      .match(/Accepted publickey/g)?.length,
    1,
  )
  t.same(left(), [], 'nothing is left')
})

t.test('what a script holds does not show in the list of processes, or to other users', async t => {
  const node = await open()
  const script = `: very-secret\nps -ewwo args; stat -c '%a %n' "${folder}"/muster.*/*`
  const { stdout } = await node.run({ script, input: Buffer.from('very-secret'), timeout: 9 })
  node.close()
  t.match(stdout, /muster\.\w+\/script/)
  t.notMatch(stdout, 'very-secret')
  const modes = [...stdout.matchAll(/^(\d+) .*\/(script|input|out)$/gm)].map(([, mode]) => mode)
  t.same(modes, ['600', '600', '600'])
})

t.test('a script that takes too long is ended on the node, with its children', async t => {
  const file = fileOf(t)
  const node = await open()
  const script = `sh -c 'sleep 5; echo late >${file}' & echo begun; wait`
  const { code, stdout } = await node.run({ script, timeout: 1 })
  t.same([code, stdout], [124, 'begun\n'])
  t.match(await node.run({ script: 'echo next', timeout: 9 }), { stdout: 'next\n' })
  await pause(5_000) // as long as it would have taken
  t.equal(textOf(file), '')
  node.close()
})

t.test('a script goes on when the connection is cut, and whoever comes next waits for its end', async t => {
  const file = fileOf(t)
  const end = new AbortController()
  const node = await open(end.signal)
  const script = `echo begun >${file}; for n in 1 2 3; do echo $n; sleep 0.5; done; echo ended >>${file}`
  const lost = t.rejects(node.run({ script, timeout: 30 }), {
    fault: 'unreachable',
    message: /did not answer/,
  })
  await until('it has begun', () => textOf(file) === 'begun\n')
  end.abort()
  await lost
  const next = await open()
  t.match(await next.run({ script: `cat ${file}`, timeout: 9 }), { stdout: 'begun\nended\n' })
  next.close()
  await until('the folder is clean', () => left().length === 0)
})

t.test('what stays on the node does not keep others waiting', async t => {
  const node = await open()
  t.match(await node.run({ script: 'setsid sleep 20 >/dev/null 2>&1 & echo $!', timeout: 9 }), { code: 0 })
  const begun = performance.now()
  t.match(await node.run({ script: 'echo next', timeout: 9 }), { stdout: 'next\n' })
  t.ok(performance.now() - begun < 15_000)
  node.close()
})

t.test('a script that did not come over whole is not run', async t => {
  const file = fileOf(t)
  const session = await openSession({ ...reach, end: AbortSignal.timeout(60_000) })
  const { input, ...command } = commandOf({ script: `echo run >${file}\n`.repeat(9), timeout: 9 }, folder)
  const ran = await session.run({ ...command, ...(input && { input: input.subarray(0, 40) }) })
  t.match(ran, { code: 91, stderr: 'muster: cut short\n' })
  t.equal(textOf(file), '')
  session.close()
})
