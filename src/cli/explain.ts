import { type Command, usageOf } from '../commands/command.js'
import { didYouMean } from '../config.js'

/** yargs' own messages, in one line that says what to write instead. Others stay as they are. */
export function explainUsage(message: string, words: readonly string[], command: Command): string {
  const unknown = /^Unknown arguments?: (.+)$/.exec(message)?.[1]
  if (unknown) return explainUnknown(unknown.split(', '), words, command)
  if (message.startsWith('Not enough non-option arguments'))
    return `something is missing: muster ${usageOf(command)}`
  const bare = /^Not enough arguments following: (.+)$/.exec(message)?.[1]
  if (bare) return `--${bare} needs a value`
  const choices = /Argument: (.+), Given: "(.*)", Choices: (.+)/.exec(message)
  if (choices) return `${choices[1]} must be one of ${choices[3]?.replaceAll('"', '')}, not '${choices[2]}'`
  return message.replaceAll('\n', ' ')
}

/** The same for the word that should have been a command. `known`: the first words of all commands. */
export function explainCommand(message: string, words: readonly string[], known: readonly string[]): string {
  const option = words.find(word => word.startsWith('-'))?.replace(/=.*/, '')
  if (option && message.startsWith('Which command'))
    return `there is no option ${option} without a command${didYouMean(option, ['--help', '--version'])}`
  const meant = /^Did you mean (.+)\?$/.exec(message)?.[1]
  const unknown = /^Unknown (?:command|argument)s?: /.test(message)
  if (!meant && !unknown) return message
  const given = words.find(word => !word.startsWith('-') && !known.includes(word)) ?? words[0]
  return `there is no command '${given}'${meant ? ` (did you mean ${meant}?)` : ''}`
}

/** yargs names what it does not know, without dashes: an option is told from a word by looking again. */
function explainUnknown(names: readonly string[], words: readonly string[], command: Command): string {
  const known = [...Object.keys(command.options), 'help', 'version']
  const told = names.map(name => {
    const given = words.find(word => word.replace(/^-+/, '').replace(/=.*/, '') === name) ?? name
    if (!given.startsWith('-')) return `there is no place for '${given}': muster ${usageOf(command)}`
    return `there is no option ${given.replace(/=.*/, '')}${didYouMean(name, known, '--')}`
  })
  return told.join('; ')
}
