/**
 * What a machine tells, without the tokens that it was given: kernels and installers log their command line, with the
 * URL of the answers in it.
 */
export const masked = (text: string) =>
  text.replace(/(\/install\/v1\/|\bmuster\.token=)[0-9a-f]{32}/gi, '$1[secret]')

const KEY = '-----(?:BEGIN|END) [A-Z0-9 ]*PRIVATE KEY-----'
const NAMES = '(?:passw(?:or)?d|passphrase|token|secret|api[-_]?key)'
/** How they look; every repetition before a match has its bound, as it is tried at each character. */
const SECRETS: readonly RegExp[] = [
  new RegExp(`${KEY.replace('|END', '')}[^]*?(?:${KEY.replace('BEGIN|', '')}|$)`, 'g'),
  new RegExp(`^[^]*${KEY.replace('BEGIN|', '')}`, 'g'), // its beginning was cut off
  /\$(?:y|gy|7|2[aby]|6|5)\$[./A-Za-z0-9$=,]{8,}/g, // crypt(5)
  new RegExp(`(?<=${NAMES}["']?\\s{0,8}[=:]\\s{0,8})(?:"(?:[^"\\\\\n]|\\\\.)*"|'[^'\n]*'|[^\\s,;&}]+)`, 'gi'),
  new RegExp(`(?<=--?[\\w-]{0,40}${NAMES}\\s{1,8})[^\\s-]\\S*`, 'gi'), // as an option
  /(?<=\bbearer\s{1,8}|\bauthorization:\s{0,8}[\w-]{1,20}\s{1,8})\S+/gi, // RFC 9110 section 11.4
  /(?<=\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/:@]{0,200}:)[^\s/@]{1,200}(?=@)/gi, // RFC 3986 section 3.2.1
]

const COLOUR = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]`, 'g') // ECMA-48, CSI

/** What a step wrote, as far as it may be kept: without keys, hashes of passwords, tokens, and terminals' commands. */
export const transcriptOf = (output: string, longest: number): string =>
  SECRETS.reduce((text, secret) => text.replace(secret, '[secret]'), masked(output))
    .replace(/\r\n?/g, '\n')
    .replace(COLOUR, '')
    .replace(/[^\P{Cc}\n\t]/gu, '')
    .slice(-longest)
