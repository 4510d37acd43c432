// A Fulcio: gives a certificate of ten minutes to who shows an identity token and holds the key.

import { createPublicKey, type KeyObject, randomBytes, verify } from 'node:crypto'
import type { CtLog } from './ct-log.ts'
import { utf8 } from './der.ts'
import { type Claims, checkToken } from './issuer.ts'
import { jsonOf, Refusal, type Routes } from './loopback.ts'
import type { Misbehaviour } from './misbehaviour.ts'
import {
  type AlternativeName,
  alternativeNames,
  basicConstraints,
  type CertificateRequest,
  CODE_SIGNING,
  certify,
  extendedKeyUsage,
  extension,
  makeKey,
  NAMELESS,
  nameOf,
  pem,
  SIGNS_CERTIFICATES,
  SIGNS_DATA,
  spkiOf,
  TIME_STAMPING,
  toBeSigned,
} from './x509.ts'

const MINUTE = 60_000
const YEAR = 365 * 24 * 60 * MINUTE
const FULCIO = '1.3.6.1.4.1.57264.1'
const GITHUB = 'https://github.com'

interface SigningRequest {
  readonly credentials?: { readonly oidcIdentityToken?: string }
  readonly publicKeyRequest?: {
    readonly publicKey?: { readonly content?: string }
    readonly proofOfPossession?: string
  }
}

export class Fulcio {
  readonly #root = makeKey('P-384')
  readonly #intermediate = makeKey('P-384')
  readonly #stranger = makeKey('P-384')
  readonly #name = nameOf('sigstore.test', 'sigstore-intermediate')
  /** From the intermediate up to the root, as a trusted root lists them. */
  readonly chain: readonly Buffer[]
  readonly #ctLog: CtLog
  readonly #now: () => Date

  constructor(ctLog: CtLog, now: () => Date) {
    this.#ctLog = ctLog
    this.#now = now
    const name = nameOf('sigstore.test', 'sigstore')
    const issuer = { name, key: this.#root }
    const validity = { notBefore: new Date(now().getTime() - YEAR), notAfter: new Date(now().getTime() + 9 * YEAR) }
    this.chain = [
      certify({
        ...validity,
        issuer,
        subject: this.#name,
        spki: this.#intermediate.spki,
        extensions: [SIGNS_CERTIFICATES, extendedKeyUsage(CODE_SIGNING), basicConstraints(0)],
      }),
      certify({
        ...validity,
        issuer,
        subject: name,
        spki: this.#root.spki,
        extensions: [SIGNS_CERTIFICATES, basicConstraints(1)],
      }),
    ]
  }

  routes(issuers: () => readonly string[], amiss: () => Misbehaviour): Routes {
    return {
      'POST /api/v2/signingCert': async (request) => ({
        status: 200,
        body: await this.#sign(jsonOf<SigningRequest>(request), issuers(), amiss()),
      }),
    }
  }

  /** Checks what Fulcio checks, and answers with the chain. */
  async #sign(request: SigningRequest, issuers: readonly string[], amiss: Misbehaviour): Promise<object> {
    const claims = await checkToken(request.credentials?.oidcIdentityToken ?? '', issuers, this.#now())
    const asked = checkPossession(request, claims)
    const spki = amiss.certificate === 'other-key' ? makeKey().spki : asked
    const leaf = this.issue(spki, claims, amiss)
    return { signedCertificateEmbeddedSct: { chain: { certificates: [leaf, ...this.chain].map(pem) } } }
  }

  /** A certificate for a key and an identity, without any question: for tests that forge one. */
  issue(spki: Buffer, claims: Claims, { certificate, sct }: Misbehaviour = {}): Buffer {
    const begin = this.#now().getTime() + (certificate === 'expired' ? -60 : certificate === 'future' ? 60 : 0) * MINUTE
    const names: AlternativeName[] = [identityOf(claims)]
    if (certificate === 'two-names') names.push({ kind: 'uri', value: `${GITHUB}/mallory/own` })
    const request: CertificateRequest = {
      subject: NAMELESS,
      spki,
      issuer: { name: this.#name, key: this.#intermediate },
      notBefore: new Date(begin),
      notAfter: new Date(begin + 10 * MINUTE),
      serial: Buffer.from([0x01, ...randomBytes(15)]),
      extensions: [
        SIGNS_DATA,
        extendedKeyUsage(certificate === 'not-for-code' ? TIME_STAMPING : CODE_SIGNING),
        alternativeNames(names),
        ...claimExtensions(certificate === 'no-issuer' ? { ...claims, iss: undefined } : claims),
      ],
    }
    const witnessed =
      sct === 'missing'
        ? request
        : { ...request, extensions: [...request.extensions, this.#witness(request, begin, sct)] }
    return certify(witnessed, certificate === 'forged' ? this.#stranger : this.#intermediate)
  }

  #witness(request: CertificateRequest, begin: number, amiss: Misbehaviour['sct']): Buffer {
    return this.#ctLog.witness(toBeSigned(request), this.#intermediate.spki, new Date(begin), amiss)
  }
}

/** The proof is a signature over the name in the token: the address of a person, else the subject. */
function checkPossession({ publicKeyRequest }: SigningRequest, claims: Claims): Buffer {
  let key: KeyObject
  try {
    key = createPublicKey(publicKeyRequest?.publicKey?.content ?? '')
  } catch {
    throw new Refusal('the public key cannot be read')
  }
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new Refusal('the public key is not on P-256')
  const name = Buffer.from(`${claims.email ?? claims.sub}`)
  const proof = Buffer.from(publicKeyRequest?.proofOfPossession ?? '', 'base64')
  if (!verify('sha256', name, key, proof)) throw new Refusal('the proof of possession does not verify')
  return spkiOf(key)
}

function identityOf(claims: Claims): AlternativeName {
  if (typeof claims.email === 'string') {
    if (claims.email_verified !== true) throw new Refusal('the address is not verified', 401)
    return { kind: 'email', value: claims.email }
  }
  if (typeof claims.job_workflow_ref === 'string') {
    return { kind: 'uri', value: `${GITHUB}/${claims.job_workflow_ref}` }
  }
  return { kind: 'uri', value: `${claims.sub}` }
}

/** https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md: 1 to 6 are bare text, the later ones UTF8String. */
function claimExtensions(claims: Claims): Buffer[] {
  const bare = [
    [1, claims.iss],
    [2, claims.event_name],
    [3, claims.sha],
    [4, claims.workflow],
    [5, claims.repository],
    [6, claims.ref],
  ] as const
  const below = (path: unknown) => (path === undefined ? undefined : `${GITHUB}/${path}`)
  const run = `${claims.repository}/actions/runs/${claims.run_id}/attempts/${claims.run_attempt}`
  const typed = [
    [8, claims.iss],
    [9, below(claims.job_workflow_ref)],
    [10, claims.job_workflow_sha],
    [11, claims.runner_environment],
    [12, below(claims.repository)],
    [13, claims.sha],
    [14, claims.ref],
    [15, claims.repository_id],
    [16, below(claims.repository_owner)],
    [17, claims.repository_owner_id],
    [18, below(claims.workflow_ref)],
    [19, claims.workflow_sha],
    [20, claims.event_name],
    [21, below(claims.run_id === undefined ? undefined : run)],
    [22, claims.repository_visibility],
  ] as const
  const present = <T extends readonly [number, unknown]>([, value]: T) => value !== undefined
  return [
    ...bare.filter(present).map(([n, value]) => extension(`${FULCIO}.${n}`, Buffer.from(`${value}`))),
    ...typed.filter(present).map(([n, value]) => extension(`${FULCIO}.${n}`, utf8(`${value}`))),
  ]
}
