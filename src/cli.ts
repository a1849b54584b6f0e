#!/usr/bin/env -S node --max-semi-space-size=1 --max-old-space-size=256
// The two limits make V8 collect early: the idle daemon takes 75 MB instead of 100 MB (see LIMITS in local/unit.ts).
import { setTimeout as pause } from 'node:timers/promises'
import yargs, { type Argv, type Options } from 'yargs'
import { COMMANDS, EXIT_CODES } from './cli/commands.js'
import { explainCommand, explainUsage } from './cli/explain.js'
import { wordsOf } from './cli/words.js'
import { type Command, type Context, EXIT, type Exit, usageOf } from './commands/command.js'
import { VERSION } from './config/version.js'

class UsageError extends Error {}

/** yargs hands over its own complaints as errors, too; the others are faults of ours. */
const faultIn = (error: Error | undefined) => (error?.name === 'YError' ? undefined : error)

const FIRST_WORDS = COMMANDS.map(command => command.name.replace(/ .*/, ''))

function parserOf(words: string[], finish: (code: Exit) => void): Argv {
  const parser = yargs(words)
    .scriptName('muster')
    .locale('en')
    .usage('$0 COMMAND\n\nNetboots the machines of a LAN and keeps the inventory of their hardware.')
    .parserConfiguration({ 'camel-case-expansion': false, 'greedy-arrays': false })
    .strict()
    .recommendCommands()
    .demandCommand(1, 'Which command?')
    .version(VERSION)
    .completion('completion', 'Print a script for the shell: eval "$(muster completion)"')
    .epilogue(EXIT_CODES)
    .wrap(100)
    .exitProcess(false)
    .fail((message, error) => {
      throw faultIn(error) ?? new UsageError(explainCommand(message, words, FIRST_WORDS))
    })
  for (const command of COMMANDS) addCommand(parser, words, command, finish)
  return parser
}

/** `scout build` is the command `build` of the command `scout`, whose help lists what it has. */
function addCommand(parser: Argv, words: string[], command: Command, finish: (code: Exit) => void): void {
  const [group = '', name] = command.name.split(' ')
  if (name === undefined) {
    addPlain(parser, words, command, group, finish)
    return
  }
  const members = COMMANDS.filter(other => other.name.startsWith(`${group} `))
  if (members[0] !== command) return // the first one brought them all
  const inner = (y: Argv) => {
    for (const member of members) addPlain(y, words, member, member.name.slice(group.length + 1), finish)
    return y.demandCommand(1, `Which command of ${group}?`)
  }
  parser.command(group, members.map(({ summary }) => summary).join(' '), inner)
}

function addPlain(
  parser: Argv,
  words: string[],
  command: Command,
  name: string,
  finish: (code: Exit) => void,
): void {
  const operandNames = Object.keys(command.operands ?? {})
  const describe = (y: Argv) => {
    for (const [word, { several: _, required: __, ...operand }] of Object.entries(command.operands ?? {}))
      y.positional(word, { type: 'string', ...operand })
    y.epilogue([command.details, EXIT_CODES].filter(Boolean).join('\n\n'))
    y.options(command.options).fail((message, error) => {
      throw faultIn(error) ?? new UsageError(explainUsage(message, words, command))
    })
    for (const [example, means] of command.examples) y.example(example, means)
  }
  const names = [usageOf({ ...command, name }), ...(command.aliases ?? [])]
  parser.command(names, command.summary, describe, async args => {
    const given = operandNames.map(name => [name, [args[name] ?? []].flat().map(String)])
    const options = Object.entries(command.options).map(([key, o]) => [
      key,
      judged(key, lastOf(args[key], o)),
    ])
    const operands = Object.fromEntries(given)
    finish(await command.run({ ...Object.fromEntries(options), operands }, contextOf()))
  })
}

/** Of an option that was given twice, yargs makes an array, whatever its type; the last one is meant. */
const lastOf = (given: unknown, { array: isList }: Options) =>
  Array.isArray(given) && !isList ? given.at(-1) : given

function judged(key: string, value: unknown): unknown {
  if (Number.isNaN(value)) throw new UsageError(`--${key} must be a number`)
  return value
}

const contextOf = (): Context => ({
  env: process.env,
  get now() {
    return new Date() // commands that wait print at their end
  },
  out: text => void process.stdout.write(`${text}\n`),
  err: text => void process.stderr.write(`${text}\n`),
  ...(process.stderr.isTTY && { terminal: process.stderr }),
  clock: () => performance.now(),
  pause: ms => pause(ms),
})

/** `muster events | head` closes our stdout early, which is no error. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed)
})

try {
  await parserOf(wordsOf(process.argv), code => {
    process.exitCode = code
  }).parseAsync()
} catch (error) {
  const usage = error instanceof UsageError
  process.stderr.write(`muster: ${error instanceof Error ? error.message : String(error)}\n`)
  if (usage) process.stderr.write("Try 'muster --help', or 'muster COMMAND --help'.\n")
  process.exitCode = usage ? EXIT.usage : EXIT.failed
}
