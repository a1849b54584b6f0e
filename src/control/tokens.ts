import { createHash } from 'node:crypto'
import type { Random } from './act.js'

const TOKEN_BYTES = 16

/** 32 hex digits that nobody can guess. */
export const newToken = (random: Random): string => random(TOKEN_BYTES).toString('hex')

/** Tokens are random, so a plain hash keeps them as secret as a slow one would. */
export const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')
