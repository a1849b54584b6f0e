import type { Tags } from './instance.js'

const MOST = 50
const KEY = /^[^\s=\p{Cc}]{1,127}$/u
const VALUE = /^[^\p{Cc}]{0,255}$/u

/** Why they cannot be tags; undefined when they can. The limits are those of EC2's. */
export function whyNotTags(tags: Tags): string | undefined {
  const bad = Object.entries(tags).find(([key, value]) => !KEY.test(key) || !VALUE.test(value))
  if (bad)
    return `"${bad[0].slice(0, 80)}" cannot be tagged so: a key is a word of at most 127 characters without =, a value one line of at most 255`
  return Object.keys(tags).length > MOST ? `at most ${MOST} tags` : undefined
}

/** Tags that the daemon sets itself, and counts by. */
const OURS = 'muster:'

/** Why nobody else may set or take away tags of these keys; undefined when everybody may. */
export const whyNotTheirs = (keys: readonly string[]): string | undefined =>
  keys.some(key => key.startsWith(OURS)) ? `tags that begin with ${OURS} are set by muster itself` : undefined
