import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  type PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { Random } from './certificates.js'

/**
 * The certificates themselves (RFC 5280). Loading the library takes 20 MB, so whoever needs it imports this file at that
 * moment.
 */

cryptoProvider.set(webcrypto as never)

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const DAY_MS = 24 * 3600 * 1000
const AUTHORITY_YEARS = 10
const NODE_DAYS = 90

export type KeyPair = { readonly private: Buffer /* PKCS#8 */; readonly public: Buffer /* SPKI */ }

/** A board's clock may be set to local time: up to 14 hours behind until the node asked a time server. */
const begin = (now: Date) => new Date(now.getTime() - DAY_MS)

/** A positive number of 126 random bits, always of the same length (RFC 5280 section 4.1.2.2). */
function serialNumber(random: Random): string {
  const [first = 0, ...rest] = random(16)
  return Buffer.from([(first & 0x3f) | 0x40, ...rest]).toString('hex')
}

const privateKey = (der: Buffer) => webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign'])
const publicKey = (der: Buffer) => webcrypto.subtle.importKey('spki', der, ALGORITHM, true, ['verify'])

/** The authority's own certificate, PEM. Its name is its own, so that a later authority is not taken for it. */
export async function authorityCertificate(keys: KeyPair, now: Date, random: Random): Promise<string> {
  const pair = { privateKey: await privateKey(keys.private), publicKey: await publicKey(keys.public) }
  const notAfter = new Date(now)
  notAfter.setUTCFullYear(now.getUTCFullYear() + AUTHORITY_YEARS)
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(random),
    name: [{ O: ['muster'] }, { CN: [`muster CA ${random(4).toString('hex')}`] }],
    notBefore: begin(now),
    notAfter,
    signingAlgorithm: ALGORITHM,
    keys: pair,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(pair.publicKey),
    ],
  })
  return certificate.toString('pem')
}

/**
 * The public key that a request (PKCS#10, PEM or base64 of DER) asks a certificate for; a sentence when the request is
 * none, is not signed with that key, or has a key of another kind. Nothing else in it is of interest.
 */
export async function requestedKey(request: string): Promise<PublicKey | string> {
  const parsed = parse(request)
  if (!parsed) return 'is no certificate request'
  const { name, namedCurve } = parsed.publicKey.algorithm as { name: string; namedCurve?: string }
  if (name !== ALGORITHM.name || namedCurve !== ALGORITHM.namedCurve)
    return `has a key of another kind than ${ALGORITHM.name} ${ALGORITHM.namedCurve}`
  const signed = await parsed.verify().catch(() => false) // a point that is not on the curve throws
  return signed ? parsed.publicKey : 'is not signed with its own key'
}

function parse(request: string): Pkcs10CertificateRequest | undefined {
  const base64 = request.replace(/-----[A-Z ]+-----/g, '').replace(/\s/g, '')
  try {
    return new Pkcs10CertificateRequest(Buffer.from(base64, 'base64'))
  } catch {
    return undefined
  }
}

export type Leaf = {
  readonly key: PublicKey
  readonly names: readonly [string, ...string[]]
  readonly addresses: readonly string[]
}

/** A node's certificate, PEM: for servers and clients, valid for 90 days or as long as the authority itself. */
export async function nodeCertificate(
  authority: { readonly certificate: string; readonly key: Buffer },
  { key, names, addresses }: Leaf,
  now: Date,
  random: Random,
): Promise<string> {
  const issuer = new X509Certificate(authority.certificate)
  const notAfter = Math.min(now.getTime() + NODE_DAYS * DAY_MS, issuer.notAfter.getTime())
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(random),
    subject: [{ CN: [names[0]] }],
    issuer: issuer.subjectName,
    notBefore: begin(now),
    notAfter: new Date(notAfter),
    signingAlgorithm: ALGORITHM,
    signingKey: await privateKey(authority.key),
    publicKey: key,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension([
        ...names.map(value => ({ type: 'dns', value }) as const),
        ...addresses.map(value => ({ type: 'ip', value }) as const),
      ]),
      await SubjectKeyIdentifierExtension.create(key),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  })
  return certificate.toString('pem')
}
