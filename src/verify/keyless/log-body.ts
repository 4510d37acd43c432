import { createHash, X509Certificate } from 'node:crypto'
import { parseStrictJson } from '../../core/json.ts'
import { printable } from '../../core/printable.ts'
import type { Bundle, LogEntry } from '../bundle.ts'
import { preAuthEncoding } from '../dsse.ts'
import { logInvalid } from './refusals.ts'

/** What an entry says was signed, and by whom, whichever kind it is of. */
interface LoggedSignature {
  readonly signature: Buffer
  /** SHA-256 of the payload, or of what DSSE makes of it (a `hashedrekord` knows no payload). */
  readonly digest: Buffer
  readonly of: 'payload' | 'encoded payload'
  readonly certificate: Buffer
}

type Node = Readonly<Record<string, unknown>>

const BODY_MAX_BYTES = 32 * 2 ** 20

/**
 * The logged entry is about this envelope, and about this certificate. The last is not asked by the library: an entry for
 * the same bytes by another signer's certificate would do.
 * @throws VerificationError `LOG_INVALID`
 */
export function assertLogged(entry: LogEntry, bundle: Bundle, leaf: Buffer): void {
  const logged = readBody(entry)
  if (!logged.signature.equals(bundle.signature)) throw logInvalid('its entry holds another signature')
  const signed = logged.of === 'payload' ? bundle.payload : preAuthEncoding(bundle.payloadType, bundle.payload)
  if (!createHash('sha256').update(signed).digest().equals(logged.digest)) {
    throw logInvalid('its entry is about another payload')
  }
  if (!logged.certificate.equals(leaf)) throw logInvalid("its entry is about another signer's certificate")
}

function readBody({ kind, version, body }: LogEntry): LoggedSignature {
  const json = parseStrictJson(body, { maxBytes: BODY_MAX_BYTES, maxDepth: 24, maxStructure: 2 ** 18 })
  if (!json.ok) throw logInvalid(`its entry ${json.reason}`)
  const root = node(json.value)
  if (root.kind !== kind || root.apiVersion !== version) throw logInvalid('its entry is of another kind than it claims')
  const spec = node(root.spec)
  switch (`${kind} ${version}`) {
    case 'dsse 0.0.1':
      return dsse1(spec)
    case 'dsse 0.0.2':
      return dsse2(node(spec.dsseV002))
    case 'intoto 0.0.2':
      return intoto(node(spec.content))
    case 'hashedrekord 0.0.1':
      return hashedRekord1(spec)
    case 'hashedrekord 0.0.2':
      return hashedRekord2(node(spec.hashedRekordV002))
    default:
      throw logInvalid(`its entry is of the kind ${printable(`${kind} ${version}`, 80)}, which is not known`)
  }
}

/** Rekor v1, https://github.com/sigstore/rekor/tree/main/pkg/types/dsse */
function dsse1(spec: Node): LoggedSignature {
  const { signature, verifier } = only(spec.signatures)
  return {
    signature: base64(signature),
    digest: hexDigest(spec.payloadHash),
    of: 'payload',
    certificate: pemCertificate(base64(verifier)),
  }
}

/** Rekor v2, https://github.com/sigstore/rekor-tiles */
function dsse2(spec: Node): LoggedSignature {
  const { content, verifier } = only(spec.signatures)
  const { algorithm, digest } = node(spec.payloadHash)
  if (algorithm !== 'SHA2_256') throw logInvalid('its entry holds another digest than SHA-256')
  return { signature: base64(content), digest: base64(digest), of: 'payload', certificate: rawCertificate(verifier) }
}

/** Here a signature is base64 of base64: Rekor took the envelope's text for bytes. */
function intoto(content: Node): LoggedSignature {
  const { sig, publicKey } = only(node(content.envelope).signatures)
  return {
    signature: base64(base64(sig).toString('latin1')),
    digest: hexDigest(content.payloadHash),
    of: 'payload',
    certificate: pemCertificate(base64(publicKey)),
  }
}

function hashedRekord1(spec: Node): LoggedSignature {
  const { content, publicKey } = node(spec.signature)
  return {
    signature: base64(content),
    digest: hexDigest(node(spec.data).hash),
    of: 'encoded payload',
    certificate: pemCertificate(base64(node(publicKey).content)),
  }
}

function hashedRekord2(spec: Node): LoggedSignature {
  const { content, verifier } = node(spec.signature)
  const { algorithm, digest } = node(spec.data)
  if (algorithm !== 'SHA2_256') throw logInvalid('its entry holds another digest than SHA-256')
  return {
    signature: base64(content),
    digest: base64(digest),
    of: 'encoded payload',
    certificate: rawCertificate(verifier),
  }
}

function node(value: unknown): Node {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Node
  throw logInvalid('its entry is not of the form of its kind')
}

function only(list: unknown): Node {
  if (!Array.isArray(list) || list.length !== 1) throw logInvalid('its entry must hold exactly one signature')
  return node(list[0])
}

function base64(value: unknown): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : Buffer.alloc(0)
  if (bytes.length > 0 && bytes.toString('base64') === value) return bytes
  throw logInvalid('its entry holds something that is not base64')
}

function hexDigest(value: unknown): Buffer {
  const { algorithm, value: text } = node(value)
  if (algorithm === 'sha256' && typeof text === 'string' && /^[0-9a-f]{64}$/.test(text)) return Buffer.from(text, 'hex')
  throw logInvalid('its entry holds no SHA-256')
}

function rawCertificate(verifier: unknown): Buffer {
  return base64(node(node(verifier).x509Certificate).rawBytes)
}

function pemCertificate(pem: Buffer): Buffer {
  try {
    return new X509Certificate(pem).raw
  } catch (error) {
    throw logInvalid('its entry names no certificate', error)
  }
}
