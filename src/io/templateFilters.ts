import { quote } from '../core/shell.js'

/**
 * The filters of templates: each makes a value harmless for one language, or throws. Those for what installers read
 * do not repeat the value when they refuse it: it may be a password's hash, and the message is logged.
 */

// All control characters and the two line ends of Unicode: nothing that could begin a line of its own or steer a
// terminal.
const CONTROL = /[\p{Cc}\u2028\u2029]/u

/** For a value that is part of an iPXE line. `${` would be expanded by iPXE itself. */
function line(value: unknown): string {
  const text = String(value)
  if (CONTROL.test(text) || text.includes('${'))
    throw new Error(`a value for an iPXE line holds a control character or \${: ${JSON.stringify(text)}`)
  return text
}

/** For a value that has to stay one word of an iPXE line. */
function word(value: unknown): string {
  const text = line(value)
  if (!/^[^\s]+$/.test(text)) throw new Error(`not one word: ${JSON.stringify(text)}`)
  return text
}

/** One word of a shell command, whatever it holds. */
const sh = (value: unknown): string => quote(String(value))

/**
 * For a value that is the rest of a preseed line. debconf knows no quotes there: all up to the end of the line is the
 * value, and a backslash before the end of the line draws in the next one (debconf-set-selections(1)).
 */
function preseed(value: unknown): string {
  const text = oneLine(value, 'a preseed line')
  if (text.endsWith('\\')) throw new Error('a value for a preseed line ends with a backslash')
  if (/^\s|\s$/.test(text)) throw new Error('a value for a preseed line begins or ends with a blank')
  return text
}

/** One word of a kickstart command: Anaconda splits lines as a POSIX shell does, by Python's shlex. */
const ks = (value: unknown): string => sh(oneLine(value, 'a kickstart line'))

/** For text that has to stay one line of a file that it is written to. */
const oneline = (value: unknown): string => oneLine(value, 'a line')

function oneLine(value: unknown, where: string): string {
  const text = String(value)
  if (CONTROL.test(text)) throw new Error(`a value for ${where} holds a control character`)
  return text
}

/** A value of a map that may lack it; then it is empty. For what is written as a member, see how templates are read. */
function get(map: unknown, key: unknown): unknown {
  return Object.getOwnPropertyDescriptor(map, String(key))?.value ?? ''
}

export const FILTERS = { line, word, sh, preseed, ks, oneline, get } as const
