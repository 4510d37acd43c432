// A timestamp authority (RFC 3161): signs a digest together with the time.

import { createHash, randomBytes, sign } from 'node:crypto'
import {
  bool,
  explicit,
  generalizedTime,
  integer,
  type Node,
  nothing,
  octets,
  oid,
  readNodes,
  sequence,
  setOf,
  tlv,
  utcTime,
} from './der.ts'
import { jsonOf, Refusal, type Request, type Routes } from './loopback.ts'
import type { Misbehaviour } from './misbehaviour.ts'
import {
  basicConstraints,
  certify,
  extendedKeyUsage,
  makeKey,
  nameOf,
  SIGNS_CERTIFICATES,
  SIGNS_DATA,
  schemeOf,
  TIME_STAMPING,
} from './x509.ts'

const YEAR = 365 * 24 * 60 * 60_000
const TST_INFO = '1.2.840.113549.1.9.16.1.4'
const DIGESTS = {
  sha256: ['2.16.840.1.101.3.4.2.1', 32],
  sha384: ['2.16.840.1.101.3.4.2.2', 48],
  sha512: ['2.16.840.1.101.3.4.2.3', 64],
} as const

interface Query {
  /** AlgorithmIdentifier, DER. */
  readonly algorithm: Buffer
  readonly digest: Buffer
  readonly nonce: Buffer | null
  readonly wantsCertificate: boolean
}

const algorithmOf = (id: string) => sequence(oid(id), nothing)

export class TimestampAuthority {
  readonly #root = makeKey('P-384')
  readonly #key = makeKey('P-384')
  readonly #stranger = makeKey('P-384')
  readonly #serial = Buffer.from([0x01, ...randomBytes(15)])
  readonly #issuer = nameOf('sigstore.test', 'tsa-root')
  /** From the signing certificate up to the root, as a trusted root lists them. */
  readonly chain: readonly Buffer[]
  readonly #now: () => Date

  constructor(now: () => Date) {
    this.#now = now
    const validity = { notBefore: new Date(now().getTime() - YEAR), notAfter: new Date(now().getTime() + 9 * YEAR) }
    const issuer = { name: this.#issuer, key: this.#root }
    this.chain = [
      certify({
        ...validity,
        issuer,
        subject: nameOf('sigstore.test', 'tsa'),
        spki: this.#key.spki,
        serial: this.#serial,
        extensions: [SIGNS_DATA, extendedKeyUsage(TIME_STAMPING, true)],
      }),
      certify({
        ...validity,
        issuer,
        subject: this.#issuer,
        spki: this.#root.spki,
        extensions: [SIGNS_CERTIFICATES, basicConstraints(0)],
      }),
    ]
  }

  routes(amiss: () => Misbehaviour): Routes {
    return {
      'POST /api/v1/timestamp': (request) => ({
        status: 201,
        body: this.stamp(queryOf(request), amiss().timestamp),
        headers: { 'content-type': 'application/timestamp-reply' },
      }),
    }
  }

  /** The TimeStampResp, DER. */
  stamp(query: Query, amiss?: Misbehaviour['timestamp']): Buffer {
    const shift = amiss === 'early' ? -3_600_000 : amiss === 'late' ? 3_600_000 : 0
    const at = new Date(this.#now().getTime() + shift)
    const info = this.#info(
      amiss === 'other-data' ? { ...query, digest: randomBytes(query.digest.length) } : query,
      at,
      amiss,
    )
    const { hash, algorithm } = schemeOf(this.#key)
    const digestAlgorithm = algorithmOf(DIGESTS[hash][0])
    const attributes = [
      attribute('1.2.840.113549.1.9.3', oid(TST_INFO)),
      attribute('1.2.840.113549.1.9.5', utcTime(at)),
      attribute('1.2.840.113549.1.9.4', octets(createHash(hash).update(info).digest())),
      // RFC 5816: the certificate that signs, by its SHA-256, which is the default and therefore not named.
      attribute('1.2.840.113549.1.9.16.2.47', sequence(sequence(sequence(octets(this.#certificateDigest()))))),
    ]
    // RFC 5652, 5.4: what is signed has the tag of a SET; what is sent is `[0]`.
    const signed = setOf(...attributes)
    const { secret } = amiss === 'forged' ? this.#stranger : this.#key
    const signer = sequence(
      integer(1),
      sequence(this.#issuer, integer(this.#serial)),
      digestAlgorithm,
      Buffer.concat([Buffer.from([0xa0]), signed.subarray(1)]),
      algorithm,
      octets(sign(hash, signed, secret)),
    )
    const [certificate = Buffer.alloc(0)] = this.chain
    const data = sequence(
      integer(3),
      setOf(digestAlgorithm),
      sequence(oid(TST_INFO), explicit(0, octets(info))),
      ...(query.wantsCertificate ? [explicit(0, certificate)] : []),
      setOf(signer),
    )
    return sequence(sequence(integer(0)), sequence(oid('1.2.840.113549.1.7.2'), explicit(0, data)))
  }

  #certificateDigest(): Buffer {
    return createHash('sha256')
      .update(this.chain[0] ?? '')
      .digest()
  }

  #info({ algorithm, digest, nonce }: Query, at: Date, amiss: Misbehaviour['timestamp']): Buffer {
    const fraction = amiss === 'milliseconds' ? '.125' : amiss === 'tenths' ? '.1' : ''
    return sequence(
      integer(1),
      oid('1.3.6.1.4.1.57264.2'),
      sequence(algorithm, octets(digest)),
      integer(Buffer.from([0x01, ...randomBytes(15)])),
      generalizedTime(at, fraction),
      sequence(integer(1)), // accurate to a second
      ...(nonce === null ? [] : [tlv(0x02, nonce)]),
    )
  }
}

const attribute = (id: string, value: Buffer) => sequence(oid(id), setOf(value))

/** Sigstore's authority takes RFC 3161's own form, and one in JSON. */
function queryOf(request: Request): Query {
  const type = request.headers['content-type'] ?? ''
  if (type.startsWith('application/timestamp-query')) return readQuery(request.body)
  const json = jsonOf<{ artifactHash?: string; hashAlgorithm?: string; certificates?: boolean; nonce?: number }>(
    request,
  )
  const [id, length] = DIGESTS[(json.hashAlgorithm ?? 'sha256') as keyof typeof DIGESTS] ?? []
  const digest = Buffer.from(json.artifactHash ?? '', 'base64')
  if (id === undefined || digest.length !== length) throw new Refusal('the digest is not of its kind')
  const nonce = json.nonce === undefined ? null : integer(json.nonce).subarray(2)
  return { algorithm: algorithmOf(id), digest, nonce, wantsCertificate: json.certificates === true }
}

/** RFC 3161, 2.4.1. */
function readQuery(body: Buffer): Query {
  const [whole] = readNodes(body)
  const [version, imprint, ...rest] = readNodes(whole?.content ?? body)
  const [algorithm, digest] = readNodes(imprint?.content ?? Buffer.alloc(0))
  if (version?.content[0] !== 1 || algorithm === undefined || digest === undefined) {
    throw new Refusal('the timestamp query cannot be read')
  }
  const find = (tag: number): Node | undefined => rest.find((node) => node.tag === tag)
  return {
    algorithm: tlv(algorithm.tag, algorithm.content),
    digest: digest.content,
    nonce: find(0x02)?.content ?? null,
    wantsCertificate: find(0x01)?.content.equals(bool(true).subarray(2)) ?? false,
  }
}
