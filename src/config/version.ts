import { readFileSync } from 'node:fs'

/** Of package.json, one folder above src and above dist. */
const file = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

export const VERSION = String(file.version)
