import type { InferredOptionTypes, Options, PositionalOptions } from 'yargs'
import type { Env } from '../config.js'

/** What `$?` is after a command. With several systems, the first of them that failed decides. */
export const EXIT = { ok: 0, failed: 1, usage: 2, notFound: 3, refused: 4, unreachable: 5 } as const
export type Exit = (typeof EXIT)[keyof typeof EXIT]

/** The world as a command sees it; tests hand in their own. */
export type Context = {
  readonly env: Env
  readonly now: Date
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  readonly terminal?: NodeJS.WritableStream // where progress bars can be drawn: the standard error, if it is one
  readonly clock: () => number // milliseconds; only differences mean anything
  readonly pause: (ms: number) => Promise<void>
}

type OptionTable = Readonly<Record<string, Options>>
type Operand = PositionalOptions & { readonly several?: boolean; readonly required?: boolean }

/** One command of `muster`. Options and operands are yargs' own descriptions of them. */
export type Command<O extends OptionTable = OptionTable> = {
  readonly name: string // `describe-systems`, or `scout build`
  readonly aliases?: readonly string[]
  readonly summary: string
  readonly details?: string // what the columns of its text output are, and the like
  readonly operands?: Readonly<Record<string, Operand>>
  readonly options: O
  readonly examples: readonly (readonly [command: string, means: string])[]
  run(args: Args<O>, context: Context): Promise<Exit>
}

/** What was given: options by their name, operands as the words that they are. */
export type Args<O extends OptionTable = OptionTable> = InferredOptionTypes<O> & {
  readonly operands: Readonly<Record<string, readonly string[]>>
}

/** A command whose `run` sees its own options typed. */
export const command = <const O extends OptionTable>(described: Command<O>): Command =>
  described as unknown as Command

/** `describe-system <id>` and `events [names..]`, as yargs reads them. */
export function usageOf({ name, operands = {} }: Command): string {
  const words = Object.entries(operands).map(([word, { several, required }]) => {
    const inner = several ? `${word}..` : word
    return required ? `<${inner}>` : `[${inner}]`
  })
  return [name, ...words].join(' ')
}
