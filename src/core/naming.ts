import type { Mac } from '../wire/mac.js'
import { LOCAL_BOOTS, type LocalBoot } from './machine.js'

/** A host name label: RFC 1123 section 2.1, lower case. */
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
const LOOKS_LIKE_ID = /^[mir]-[0-9a-f]{12}$/
const USER = /^[^\s\p{Cc}]{1,64}$/u

export const DEFAULT_GROUP = 'default'

/** `node-` and the last six digits of the MAC; from the second machine on that wants it, with a number. */
export const defaultName = (mac: Mac, attempt: number): string =>
  `node-${mac.replaceAll(':', '').slice(-6)}${attempt > 1 ? `-${attempt}` : ''}`

/** Why it cannot be a machine's name; undefined when it can. */
export const whyNotName = (name: string): string | undefined =>
  LOOKS_LIKE_ID.test(name) ? `"${name}" looks like an id: choose another name` : whyNotLabel('name', name)

/** An instance's name is its host name. */
export const whyNotInstanceName = whyNotName

/** Whoever runs instances: any word that the owner likes. */
export const whyNotUser = (user: string): string | undefined =>
  USER.test(user) ? undefined : 'a user is one word of at most 64 characters'

export const whyNotGroup = (group: string): string | undefined => whyNotLabel('group', group)

export const whyNotLocalBoot = (value: string): string | undefined =>
  LOCAL_BOOTS.includes(value as LocalBoot) ? undefined : `local boot is one of ${LOCAL_BOOTS.join(', ')}`

const whyNotLabel = (what: string, value: string) =>
  LABEL.test(value)
    ? undefined
    : `"${value.slice(0, 80)}" cannot be a ${what}: use 1 to 63 of a-z, 0-9 and -, without - at either end`
