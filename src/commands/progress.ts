import { MultiBar, type SingleBar } from 'cli-progress'
import type { InstanceView } from '../core/instanceView.js'
import type { Context } from './command.js'
import { doingOf, stateOf } from './instanceRows.js'
import { clean } from './render.js'

/** Shows how far instances are, as often as it is told. */
export type Progress = {
  show(instances: readonly InstanceView[]): void
  say(line: string): void
  stop(): void
}

/** One bar per machine on a terminal; elsewhere one line per change. */
export const progressOf = (context: Context): Progress =>
  context.terminal ? bars(context.terminal) : lines(context)

const doing = (i: InstanceView) => clean(doingOf(i))

function lines({ err }: Context): Progress {
  const told = new Map<string, string>()
  return {
    show(instances) {
      for (const i of instances) {
        const line = `${i.name}  ${i.id}  ${stateOf(i)}  ${doing(i)}`.trimEnd()
        if (told.get(i.id) !== line) err(line)
        told.set(i.id, line)
      }
    },
    say: err,
    stop() {},
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const FORMAT = '{name}  {bar} {percentage} %  {doing}'
const MAX_TEXT = 60 // characters; a longer one would be cut off by the terminal's edge anyway

function bars(stream: NodeJS.WritableStream): Progress {
  const all = new MultiBar({
    stream: stream as NodeJS.WriteStream,
    format: FORMAT,
    barsize: 24,
    hideCursor: true,
    forceRedraw: true, // the text changes where the percentage stays
  })
  const byId = new Map<string, SingleBar>()
  const stop = () => {
    if (all.isActive) all.stop() // one that never began would print an empty line
    for (const signal of SIGNALS) process.off(signal, end)
  }
  const end = (signal: NodeJS.Signals) => {
    stop() // or the shell would be left without a cursor
    process.kill(process.pid, signal)
  }
  for (const signal of SIGNALS) process.on(signal, end)
  return {
    show(instances) {
      const width = Math.max(...instances.map(i => i.name.length))
      for (const i of instances) {
        const stage = clean(`${i.stage ?? i.state} ${doing(i)}`).slice(0, MAX_TEXT)
        const text = { name: i.name.padEnd(width), doing: stage }
        const bar = byId.get(i.id) ?? all.create(100, 0, text)
        byId.set(i.id, bar)
        bar.update(percentOf(i), text)
      }
    },
    say: line => void (all.isActive ? all.log(`${line}\n`) : stream.write(`${line}\n`)),
    stop,
  }
}

/** Of the disk: the percentage of the install, all of it once it is written. */
const percentOf = ({ stage, state, percent = 0 }: InstanceView) =>
  stage === 'installed' || stage === 'converging' || state === 'running' || state === 'terminated'
    ? 100
    : percent
