/** A MAC address in lower-case colon form, `52:54:00:12:34:56`. Made by {@link parseMac} only. */
export type Mac = string & { readonly __mac: true }

const SIX_OCTETS = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/

/** Accepts colons, hyphens or bare hex in any case; returns undefined for anything else. */
export function parseMac(text: string): Mac | undefined {
  const hex = text.trim().toLowerCase().replaceAll('-', ':')
  const colons = /^[0-9a-f]{12}$/.test(hex) ? hex.replace(/..(?=.)/g, '$&:') : hex
  return SIX_OCTETS.test(colons) ? (colons as Mac) : undefined
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** The first six bytes of a hardware address field as a MAC. The caller knows that there are six. */
export const macOfBytes = (bytes: Buffer): Mac =>
  `${HEX[bytes[0] ?? 0]}:${HEX[bytes[1] ?? 0]}:${HEX[bytes[2] ?? 0]}:${HEX[bytes[3] ?? 0]}:${HEX[bytes[4] ?? 0]}:${HEX[bytes[5] ?? 0]}` as Mac
