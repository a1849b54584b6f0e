import type { Duplex } from 'node:stream'

/** QEMU's machine protocol: JSON lines, one answer per command in order, events in between. */
export type Qmp = {
  /** Rejects with QEMU's words when it refuses, or when it is gone. */
  execute(command: string, args?: Record<string, unknown>): Promise<unknown>
  /** Calls `listener` with the event's data at each event of that name, e.g. RESET, SHUTDOWN. */
  on(event: string, listener: Listener): void
}

type Data = Record<string, unknown>
type Listener = (data: Data) => void
type Line = { return?: unknown; error?: { desc: string }; event?: string; data?: Data }
type Waiting = { resolve(value: unknown): void; reject(error: Error): void }

export async function connectQmp(stream: Duplex): Promise<Qmp> {
  const waiting: Waiting[] = []
  const listeners = new Map<string, Listener[]>()
  const receive = (line: Line) => {
    if (line.event) for (const listener of listeners.get(line.event) ?? []) listener(line.data ?? {})
    else if (line.error) waiting.shift()?.reject(new Error(`QEMU: ${line.error.desc}`))
    else if ('return' in line) waiting.shift()?.resolve(line.return)
  }
  onLines(stream, text => receive(JSON.parse(text) as Line))
  stream.on('error', () => {}) // a QEMU that was killed; `close` follows
  stream.on('close', () => {
    for (const { reject } of waiting.splice(0)) reject(new Error('QEMU is gone'))
  })
  const execute = (command: string, args: Record<string, unknown> = {}) =>
    new Promise((resolve, reject) => {
      if (stream.destroyed) return reject(new Error('QEMU is gone'))
      waiting.push({ resolve, reject })
      stream.write(`${JSON.stringify({ execute: command, arguments: args })}\n`)
    })
  await execute('qmp_capabilities')
  return {
    execute,
    on: (event, listener) => listeners.set(event, [...(listeners.get(event) ?? []), listener]),
  }
}

function onLines(stream: Duplex, handle: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines.filter(Boolean)) handle(line)
  })
}
