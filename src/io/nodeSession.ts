import { type Command, openSession, type Ran, type Reach, SshError } from './ssh.js'

/** A shell script for a node, which is not shown by `ps` there. */
export type NodeScript = {
  readonly script: string
  readonly input?: Buffer // its standard input
  readonly timeout: number // seconds; then it is ended, whether anybody still listens or not
}

/** A node to which one connection is kept. */
export type NodeSession = {
  /**
   * Runs a script as root. One at a time: whoever comes while one is run waits for its end.
   * @throws SshError (rejects) when the connection ends, or another script takes too long; the script itself may go on
   */
  run(script: NodeScript): Promise<Ran>
  close(): void
}

export const TIMED_OUT: readonly number[] = [124, 137] // timeout(1): by TERM; by KILL

const BUSY_S = 60 // for a script that a former connection began
const KILL_S = 10
const SLACK_S = 60 // for the way there and back
const KEPT = 1024 * 1024

/** @throws SshError (rejects) as `openSession` */
export async function openNode(reach: Reach, folder = '/run'): Promise<NodeSession> {
  const session = await openSession(reach)
  return {
    close: session.close,
    run: async one => {
      const limit = (BUSY_S + one.timeout + KILL_S + SLACK_S) * 1000
      const timer = setTimeout(session.close, limit)
      try {
        return refuseUnrun(await session.run(commandOf(one, folder)), reach.address)
      } finally {
        clearTimeout(timer)
      }
    },
  }
}

/** The wrapper's own words, which no script that was run can say: what it prints goes elsewhere until it has begun. */
const UNRUN: Readonly<Record<string, string>> = {
  'muster: busy\n': 'is busy with a step that was begun before',
  'muster: cut short\n': 'did not get all of a script',
  'muster: no room\n': 'has no room for a script in /run',
}

function refuseUnrun(ran: Ran, address: string): Ran {
  const why = ran.code === UNRUN_CODE ? UNRUN[ran.stderr] : undefined
  if (why) throw new SshError('unreachable', `${address} ${why}`)
  return ran
}

const UNRUN_CODE = 91

/**
 * Script and input come over standard input, by their lengths, into a folder in RAM that only root reads. What the script
 * writes is kept there until it ends, so that a connection that is cut does not break it: it comes to its end, and the
 * next one to come waits for that. Children that stay (containers) do not hold the lock.
 */
export function commandOf({ script, input = Buffer.alloc(0), timeout }: NodeScript, folder: string): Command {
  const text = Buffer.from(script)
  const command = `
umask 077
say() { echo "muster: $1" >&2; exit ${UNRUN_CODE}; }
d=$(mktemp -d ${folder}/muster.XXXXXX 2>/dev/null) || say 'no room'
trap 'rm -rf "$d"' EXIT
{ head -c ${text.length} >"$d/script" && head -c ${input.length} >"$d/input"; } 2>/dev/null || say 'no room'
[ "$(cat "$d/script" "$d/input" | wc -c)" -eq ${text.length + input.length} ] || say 'cut short'
flock -o -w ${BUSY_S} ${folder}/muster.lock sh -c '
  : >"$1/begun"
  exec timeout -k ${KILL_S} ${timeout} sh "$1/script" <"$1/input"
' sh "$d" >"$d/out" 2>"$d/err"
code=$?
[ -e "$d/begun" ] || say busy
tail -c ${KEPT} "$d/out"
tail -c ${KEPT} "$d/err" >&2
exit "$code"
`
  return { command, input: Buffer.concat([text, input]), kept: KEPT }
}
