import type { IncomingMessage } from 'node:http'
import type { FileHead } from '../core/mirror.js'

/** The header fields by which files of mirrors are told apart. */

/** Whether the end of a body without a length was told. */
export const isChunked = (res: IncomingMessage) => /\bchunked$/i.test(res.headers['transfer-encoding'] ?? '')

export function headOf({ headers }: IncomingMessage): FileHead {
  const size = headers['content-length']
  const fields = {
    type: headers['content-type'],
    encoding: headers['content-encoding'],
    etag: headers.etag,
    modified: headers['last-modified'],
  }
  return {
    ...(size !== undefined && { size: Number(size) }),
    ...Object.fromEntries(Object.entries(fields).filter(([, text]) => text !== undefined)),
  }
}

/** RFC 9110 section 13.1: the mirror answers 304 when our copy is still its file. */
export const conditions = ({ etag, modified }: FileHead = {}) => ({
  ...(etag && { 'if-none-match': etag }),
  ...(modified && { 'if-modified-since': modified }),
})

/** RFC 9110 section 13.1.5: a weak tag is of no use here. */
export function sameFile({ etag, modified }: FileHead): { 'if-range'?: string } {
  const strong = etag?.startsWith('W/') ? undefined : etag
  const tag = strong ?? modified
  return tag ? { 'if-range': tag } : {}
}
