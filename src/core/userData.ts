import { LONGEST_USER_DATA } from './instanceView.js'

/**
 * How text begins that cloud-init applies; it looks at that in any case and after blanks (cloudinit/handlers). What begins
 * otherwise it would log and leave, and the owner would look for the fault on a node that runs.
 */
const BEGINNINGS = [
  ...['#!', '#cloud-config', '#cloud-boothook', '#include', '#part-handler', '## template: jinja'],
  ...['content-type: multipart/', 'mime-version:'],
]
const GZIP = [0x1f, 0x8b] // RFC 1952 section 2.3.1

/** Why a new system could do nothing with it. */
export function whyNotUserData(data: Uint8Array): string | undefined {
  if (data.length > LONGEST_USER_DATA)
    return `the user data is larger than ${LONGEST_USER_DATA / 1024} KiB: let it fetch the rest`
  const text = Buffer.from(data.subarray(0, 1024)).toString().trimStart().toLowerCase()
  const isKnown = BEGINNINGS.some(beginning => text.startsWith(beginning))
  if (isKnown || GZIP.every((byte, n) => data[n] === byte)) return undefined
  return 'the user data is neither a #cloud-config nor a script: its first line has to say #cloud-config, or #!/bin/sh and the like'
}
