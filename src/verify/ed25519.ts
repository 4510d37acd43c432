import { createPublicKey, verify as cryptoVerify, type KeyObject } from 'node:crypto'
import { sha256 } from '../core/digest.ts'
import { VerificationError } from '../core/errors.ts'

declare const brand: unique symbol

/** `ed25519:` and the hexadecimal sha256 of the raw public key. */
export type KeyId = string & { readonly [brand]: 'KeyId' }

export const KEY_ID = /^ed25519:[0-9a-f]{64}$/
export const PUBLIC_KEY_BYTES = 32
export const SIGNATURE_BYTES = 64

/** A public key that passed `keyFault`. Only `publicKeyOf` makes one. */
export interface PublicKey {
  readonly id: KeyId
  readonly raw: Buffer
}

/** RFC 8032 §5.1: the field's prime, and the order of the group that honest keys generate. */
const P = 2n ** 255n - 19n
const L = 2n ** 252n + 27742317777372353535851937790883648493n

/** y of the two points of order 8 whose x is positive; the other two have y = p - this. */
const Y8 = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n
/** y of every point whose order divides 8. A key among them lets anybody sign: h·A takes only eight values. */
const SMALL_ORDER: ReadonlySet<string> = new Set([0n, 1n, P - 1n, Y8, P - Y8].map((y) => encoded(y).toString('hex')))
/** P is ed ff … ff 7f: whatever is not below it shares all but the first byte. */
const P_LOW = encoded(P).readUInt8(0)
const P_HIGH = encoded(P).subarray(1)

/**
 * Why a public key may not be used, or `null`. Node's OpenSSL and tweetnacl differ in what they refuse here (facts:
 * tweetnacl accepts forgeries under all small-order keys), so neither is asked before this.
 */
export function keyFault(raw: Uint8Array): string | null {
  if (raw.length !== PUBLIC_KEY_BYTES) return `is ${raw.length} bytes, not ${PUBLIC_KEY_BYTES}`
  // RFC 8032 §5.1.2: little-endian, the sign of x in the top bit. Not as a BigInt: a trust file holds thousands of keys.
  const y = Buffer.from(raw)
  y.writeUInt8(y.readUInt8(31) & 0x7f, 31)
  // RFC 8032 §5.1.3 step 1. Two encodings of one point would be two key ids of one key.
  if (y.readUInt8(0) >= P_LOW && y.subarray(1).equals(P_HIGH)) return 'is not in canonical form'
  if (SMALL_ORDER.has(y.toString('hex'))) return 'is a point of small order, under which anybody can sign'
  return null
}

/** `null` when the key is not usable; ask `keyFault` why. */
export function publicKeyOf(raw: Uint8Array): PublicKey | null {
  return keyFault(raw) === null ? { id: keyIdOf(raw), raw: Buffer.from(raw) } : null
}

export function keyIdOf(raw: Uint8Array): KeyId {
  return `ed25519:${sha256(raw)}` as KeyId
}

/** One verifier's answer. `verifySignature` asks node:crypto; `verifyThoroughly` asks a second one too. */
export type SignatureCheck = (key: PublicKey, message: Uint8Array, signature: Uint8Array) => boolean

/** By node:crypto alone, after our own checks: what a run asks (0.1 ms), once for the same bytes (0.01 ms). */
export const verifySignature: SignatureCheck = (key, message, signature) => {
  if (!isCanonicalSignature(signature)) return false
  // Of known lengths but for the message, so that two different calls are two different texts.
  const asked = sha256(Buffer.concat([key.raw, signature, message]))
  if (found.has(asked)) return true
  const isValid = nodeVerify(key, message, signature)
  if (isValid) {
    if (found.size === FOUND_MAX) found.clear()
    found.add(asked)
  }
  return isValid
}

/**
 * What node:crypto has found valid in this process. Whether a signature is one depends on nothing else; whether its key is
 * trusted, by whom, for what and for how long is asked each time.
 */
const found = new Set<string>()
const FOUND_MAX = 1_024

/**
 * By node:crypto and tweetnacl, which must agree.
 * @throws VerificationError `VERIFIER_ERROR` when they do not: one of them is broken, and we cannot tell which.
 */
export async function verifyThoroughly(
  key: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
  second: () => Promise<SignatureCheck> = tweetnaclVerify,
): Promise<boolean> {
  if (!isCanonicalSignature(signature)) return false
  const first = nodeVerify(key, message, signature)
  const other = (await second())(key, message, signature)
  if (first !== other) {
    throw new VerificationError(
      'VERIFIER_ERROR',
      `cannot verify a signature of ${key.id}: expected two verifiers to agree, found that node:crypto says ` +
        `${verdict(first)} and tweetnacl says ${verdict(other)}`,
      { hint: 'report this: one of two cryptographic libraries is broken' },
    )
  }
  return first
}

const verdict = (valid: boolean): string => (valid ? 'valid' : 'invalid')

/** RFC 8032 §5.1.7 step 1: S < L. With S + L in its place the same signature would have a second form. */
function isCanonicalSignature(signature: Uint8Array): boolean {
  return signature.length === SIGNATURE_BYTES && littleEndian(signature.subarray(32)) < L
}

const nodeVerify: SignatureCheck = (key, message, signature) => cryptoVerify(null, message, keyObjectOf(key), signature)

/** Loaded when asked for: a run must not pay for it. */
async function tweetnaclVerify(): Promise<SignatureCheck> {
  const { default: nacl } = await import('tweetnacl')
  return (key, message, signature) => nacl.sign.detached.verify(message, signature, key.raw)
}

/** RFC 8037 §2. As DER, Node would look for the decoder first, which takes a run half a millisecond. */
function keyObjectOf(key: PublicKey): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: key.raw.toString('base64url') }, format: 'jwk' })
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
}

function encoded(y: bigint): Buffer {
  return Buffer.from(y.toString(16).padStart(2 * PUBLIC_KEY_BYTES, '0'), 'hex').reverse()
}
