import { type Refusal, refuse } from './refusal.js'

/** The mirrors of the settings: URLs without a slash at their end, by name. */
export type Mirrors = Readonly<Record<string, string>>

/** What is known of a file before its first byte: header fields as the mirror sent them. */
export type FileHead = {
  readonly size?: number // bytes; absent when the mirror did not say
  readonly type?: string
  readonly encoding?: string
  readonly etag?: string
  readonly modified?: string
}

/** Where an answer came from: our disk, the mirror, our disk after the mirror was asked, or despite its silence. */
export type MirrorSource = 'hit' | 'miss' | 'revalidated' | 'stale'

export type MirrorFile = {
  readonly head: FileHead
  readonly source: MirrorSource
  /** From byte `start` to byte `end`, both included, or to the file's end; rejects when the file ends too early. */
  bytes(start: number, end?: number): AsyncIterable<Buffer>
  /** To be called once, when no more bytes are wanted. */
  close(): Promise<void>
}

/** A status other than 200 is passed on, with its reason. */
export type MirrorAnswer = MirrorFile | { readonly status: number; readonly why: string }

const LONGEST = 1024 // characters; the longest path in Debian's archive has about 200

/**
 * The path below a mirror, as it is asked for there, from the decoded segments of a request. Only files have one: a
 * name that could lead elsewhere, on the mirror or on our disk, is refused.
 */
export function mirrorPath(segments: readonly string[]): string | Refusal {
  const path = segments.map(encoded).join('/')
  if (segments.length === 0 || segments.some(misleads))
    return refuse('invalid', 'not the path of a file: folders, dots and encoded slashes are not served')
  return path.length > LONGEST ? refuse('invalid', `a path of more than ${LONGEST} characters`) : path
}

const misleads = (segment: string) =>
  segment === '' || segment === '.' || segment === '..' || /[/\\\p{Cc}]|:\/\//u.test(segment)

/** Names of packages hold `+`, `~` and `:`, which need no encoding in a path (RFC 3986 section 3.3). */
const encoded = (segment: string) =>
  encodeURIComponent(segment).replace(/%(?:24|26|2B|2C|3A|3B|3D|40)/g, decodeURIComponent)

const HASH = '[0-9a-f]{32,128}'
/** What never changes under its name, as archives name it by version or by its content's hash. */
const IMMUTABLE = [
  /(^|\/)pool\/.+\.(u?deb|ddeb|dsc|tar\.\w+|diff\.gz)$/, // Debian Policy 5.6.12: a version is uploaded once
  /\.(rpm|u?deb)$/,
  new RegExp(`/by-hash/(MD5Sum|SHA1|SHA256|SHA512)/${HASH}$`), // Acquire-By-Hash of Debian's repository format
  new RegExp(`(^|/)repodata/${HASH}-[^/]+$`), // createrepo_c's --unique-md-filenames, its default
  /\/installer-\w+\/\d{8}[^/]*\/images\//, // a dated build of Debian's installer; `current` moves on
]

/** Whether a file is kept for good once it is there. Anything else is asked for again, which costs one 304. */
export const isImmutable = (path: string) => IMMUTABLE.some(pattern => pattern.test(path))
