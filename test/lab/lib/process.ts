import { type ChildProcess, execFile, type StdioOptions, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { createTranscript, type Transcript } from './transcript.js'

/** Runs a command to its end and returns what it printed; throws with its error output otherwise. */
export function run(
  command: string,
  args: readonly string[],
  options: { timeoutMs?: number; cwd?: string; input?: string } = {},
): Promise<string> {
  const { timeoutMs = 10_000, cwd, input = '' } = options
  return new Promise((resolve, reject) => {
    const child = execFile(
      command,
      args,
      { timeout: timeoutMs, killSignal: 'SIGKILL', cwd, maxBuffer: 64 << 20 },
      (error, stdout, stderr) => {
        if (!error) return resolve(stdout)
        const why = error.killed ? `no end within ${timeoutMs / 1000} s` : stderr.trim() || error.message
        reject(new Error(`${[command, ...args].join(' ')}: ${why}`, { cause: error }))
      },
    )
    child.stdin?.on('error', () => {}) // a command that does not read its input is no fault
    child.stdin?.end(input)
  })
}

/** Runs a command inside a network namespace. */
export const runIn = (namespace: string, command: string, args: readonly string[], timeoutMs?: number) =>
  run('ip', ['netns', 'exec', namespace, command, ...args], timeoutMs ? { timeoutMs } : {})

/** A process that runs until it is stopped. Its output goes to a file and can be waited upon. */
export type Service = {
  readonly child: ChildProcess
  readonly output: Transcript
  /** Resolves with the exit code, or with the signal's name. */
  readonly exited: Promise<number | string>
  /** Sends the signal, then SIGKILL after five seconds; resolves when the process is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

const GRACE_MS = 5_000

/**
 * Starts `command` in `namespace`. `ip netns exec` replaces itself by the command, so the child's pid is the
 * command's own and its extra file descriptors (`stdio` from 3 on) are passed through.
 */
export function startIn(
  namespace: string,
  command: string,
  args: readonly string[],
  options: { name: string; logFile: string; cwd?: string; extra?: 'pipe'[]; env?: NodeJS.ProcessEnv },
): Service {
  const stdio: StdioOptions = ['ignore', 'pipe', 'pipe', ...(options.extra ?? [])]
  const child = spawn('ip', ['netns', 'exec', namespace, command, ...args], {
    stdio,
    cwd: options.cwd,
    env: options.env ?? process.env,
    detached: true, // a Ctrl-C on the terminal is ours to handle, in order
  })
  const output = createTranscript(options.name)
  const log = createWriteStream(options.logFile, { flags: 'a' })
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output.append(text)
      log.write(text)
    })
  const exited = new Promise<number | string>(resolve => {
    child.once('error', error => resolve(error.message))
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'))
  }).then(how => {
    output.end(`ended: ${how}`)
    log.end()
    return how
  })
  return { child, output, exited, stop: (signal = 'SIGTERM') => stop(child, exited, signal) }
}

async function stop(child: ChildProcess, exited: Promise<unknown>, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal)
  const kill = setTimeout(() => child.kill('SIGKILL'), GRACE_MS)
  await exited
  clearTimeout(kill)
}

/** Asks again until there is an answer that is not undefined; rejects with `what` after `timeoutMs`. */
export async function until<T>(
  what: string,
  timeoutMs: number,
  ask: () => Promise<T | undefined>,
  everyMs = 250,
): Promise<T> {
  const deadline = Date.now() + timeoutMs
  while (Date.now() < deadline) {
    const answer = await ask()
    if (answer !== undefined) return answer
    await new Promise(resolve => setTimeout(resolve, everyMs))
  }
  throw new Error(`${what}: not within ${timeoutMs / 1000} s`)
}
