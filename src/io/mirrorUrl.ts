import type { Profile } from '../core/profile.js'

/** What a medium is made for, and where from: the setting `mirrors`, URLs by name. */
type From = { readonly profile: Profile; readonly mirrors: Readonly<Record<string, string>> }

/** @throws Error with one line for people */
export function mirrorUrl({ profile, mirrors }: From, name = profile.mirror): string {
  const url = Object.hasOwn(mirrors, name) ? mirrors[name] : undefined
  if (url !== undefined) return url
  throw new Error(`profile ${profile.name} needs the mirror ${name}, which the setting mirrors does not name`)
}
