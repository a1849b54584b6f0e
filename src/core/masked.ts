/**
 * What a machine tells, without the tokens that it was given: kernels and installers log their command line, with the
 * URL of the answers in it.
 */
export const masked = (text: string) =>
  text.replace(/(\/install\/v1\/|\bmuster\.token=)[0-9a-f]{32}/gi, '$1[secret]')

const KEY = '-----(?:BEGIN|END) [A-Z0-9 ]*PRIVATE KEY-----'
const SECRETS: readonly RegExp[] = [
  new RegExp(`${KEY.replace('|END', '')}[^]*?(?:${KEY.replace('BEGIN|', '')}|$)`, 'g'),
  new RegExp(`^[^]*${KEY.replace('BEGIN|', '')}`, 'g'), // its beginning was cut off
  /\$(?:y|gy|7|2[aby]|6|5)\$[./A-Za-z0-9$=,]{8,}/g, // crypt(5)
  /(?<=\b(?:password|passwd|token|secret)\s*[=:]\s*)\S+/gi,
]

const COLOUR = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]`, 'g') // ECMA-48, CSI

/** What a step wrote, as far as it may be kept: without keys, hashes of passwords, tokens, and terminals' commands. */
export const transcriptOf = (output: string, longest: number): string =>
  SECRETS.reduce((text, secret) => text.replace(secret, '[secret]'), masked(output))
    .replace(/\r\n?/g, '\n')
    .replace(COLOUR, '')
    .replace(/[^\P{Cc}\n\t]/gu, '')
    .slice(-longest)
