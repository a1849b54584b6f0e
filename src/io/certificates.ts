import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate,
} from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import type { AuthorityView } from '../core/authorityView.js'
import { type Refusal, refuse } from '../core/refusal.js'
import { readIfThere, writeOnce } from './onceFile.js'

/** So many bytes that nobody can guess. */
export type Random = (bytes: number) => Buffer

/** What a node's certificate is to say. The daemon decides names and addresses: those in the request count for nothing. */
export type NodeRequest = {
  readonly request: string // PKCS#10, PEM or base64 of DER, made on the node
  readonly names: readonly string[] // DNS names; the first is the subject, too
  readonly addresses: readonly string[]
  readonly now: Date
  readonly random: Random
}

/** The local certificate authority, in STATE/ca. */
export type Authority = {
  readonly view: AuthorityView
  /**
   * The node's certificate, PEM, for 90 days; a refusal when the request is not what it should be, or the authority has
   * come to its end.
   */
  signNode(asked: NodeRequest): Promise<{ readonly certificate: string } | Refusal>
}

/**
 * Made at the first start: key.pem (EC P-256, mode 0600) and cert.pem, for ten years.
 * @throws Error (rejects) when the files cannot be read or made, or do not belong together
 */
export async function openAuthority(stateDir: string, now: Date, random: Random): Promise<Authority> {
  const folder = join(stateDir, 'ca')
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const key = await openKey(folder)
    const certificate = await openCertificate(folder, key, now, random)
    return authorityOf(folder, key, certificate)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`cannot open the certificate authority: ${why}`, { cause })
  }
}

const ANEW = 'put back what belongs there, or remove the folder, and the next start makes a new authority'

/** The key is written first: with a certificate, but no key, something was lost. */
async function openKey(folder: string): Promise<KeyObject> {
  const path = join(folder, 'key.pem')
  const pem = await readIfThere(path)
  if (pem !== undefined) return readKey(pem, path)
  if ((await readIfThere(join(folder, 'cert.pem'))) !== undefined)
    throw new Error(`${folder} has cert.pem, but no key.pem: ${ANEW}`)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  await writeOnce(path, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 0o600)
  return privateKey
}

function readKey(pem: string, path: string): KeyObject {
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key // OpenSSL's name of P-256
  } catch (cause) {
    throw new Error(`${path} holds no private key: ${ANEW}`, { cause })
  }
  throw new Error(`${path} holds a key of another kind than EC P-256: ${ANEW}`)
}

async function openCertificate(folder: string, key: KeyObject, now: Date, random: Random) {
  const path = join(folder, 'cert.pem')
  const pem = (await readIfThere(path)) ?? (await make(path, key, now, random))
  const certificate = readCertificate(pem, path)
  if (!certificate.ca || !certificate.checkPrivateKey(key))
    throw new Error(`${path} is not the certificate of the key beside it: ${ANEW}`)
  return certificate
}

async function make(path: string, key: KeyObject, now: Date, random: Random): Promise<string> {
  const { authorityCertificate } = await import('./certificateForms.js')
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const pem = await authorityCertificate({ private: pkcs8(key), public: spki }, now, random)
  await writeOnce(path, `${pem}\n`, 0o644)
  return pem
}

function readCertificate(pem: string, path: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (cause) {
    throw new Error(`${path} holds no certificate: ${ANEW}`, { cause })
  }
}

const pkcs8 = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'der' })

function authorityOf(folder: string, key: KeyObject, certificate: X509Certificate): Authority {
  const view = viewOf(certificate)
  const ended = (now: Date) =>
    refuse(
      'conflict',
      now.toISOString() < view.notBefore
        ? `the certificate authority in ${folder} begins at ${view.notBefore}: is the clock of this host right?`
        : `the certificate authority in ${folder} ended at ${view.notAfter}: remove the folder, and the next start makes a new one`,
    )
  return {
    view,
    signNode: async ({ request, names, addresses, now, random }) => {
      const [first, ...others] = new Set(names)
      const wrong = [...names.filter(name => !isName(name)), ...addresses.filter(address => !isIP(address))]
      if (first === undefined || wrong.length > 0)
        return refuse('invalid', `a certificate needs names and addresses, not '${wrong.join("', '")}'`)
      const at = now.toISOString()
      if (at < view.notBefore || at >= view.notAfter) return ended(now)
      if (request.length > LONGEST) return refuse('invalid', 'the certificate request is too long')
      const { nodeCertificate, requestedKey } = await import('./certificateForms.js')
      const asked = await requestedKey(request)
      if (typeof asked === 'string') return refuse('invalid', `the certificate request ${asked}`)
      const leaf = { key: asked, names: [first, ...others] as const, addresses: [...new Set(addresses)] }
      const authority = { certificate: view.certificate, key: pkcs8(key) }
      return { certificate: await nodeCertificate(authority, leaf, now, random) }
    },
  }
}

const LONGEST = 16 * 1024 // characters; one of P-256 has about 500

/** RFC 1123 section 2.1, lower case; as a subject it may have 64 characters (RFC 5280, upper bounds). */
const isName = (name: string) =>
  name.length <= 64 && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(name)

function viewOf(certificate: X509Certificate): AuthorityView {
  return {
    certificate: certificate.toString(),
    subject: certificate.subject.replaceAll('\n', ', '),
    fingerprint: certificate.fingerprint256,
    notBefore: new Date(certificate.validFrom).toISOString(),
    notAfter: new Date(certificate.validTo).toISOString(),
  }
}
