/** GET /api/v1/ca */
export type AuthorityView = {
  readonly certificate: string // PEM
  readonly subject: string // `O=muster, CN=muster CA 1f2e3d4c`
  readonly fingerprint: string // SHA-256 as `AB:CD:…`
  readonly notBefore: string // ISO 8601
  readonly notAfter: string
}
