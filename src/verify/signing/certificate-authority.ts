import { generateKeyPairSync, sign } from 'node:crypto'
import type { Signer } from '@sigstore/sign'
import { parseStrictJson } from '../../core/json.ts'
import type { IdentityToken } from './identity-token.ts'
import { ask, type Service, signingFailed } from './service.ts'

/** A certificate is about a kilobyte, and its chain a few. */
const ANSWER_MAX_BYTES = 256 * 2 ** 10

/**
 * Signs with a key that is forgotten at once, and that Fulcio certifies for the token's holder. Asked by us and not by the
 * library, which follows redirections: one would carry the token to a host that nobody named.
 */
export function certifiedBy(fulcio: Service, token: IdentityToken, timeoutMs: number): Signer {
  return {
    sign: async (data) => {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const request = {
        credentials: { oidcIdentityToken: token.reveal() },
        publicKeyRequest: {
          publicKey: { algorithm: 'ECDSA', content: publicKey.export({ format: 'pem', type: 'spki' }) },
          proofOfPossession: sign('sha256', Buffer.from(token.subject), privateKey).toString('base64'),
        },
      }
      const answer = await ask(fulcio, {
        path: '/api/v2/signingCert',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: Uint8Array.from(Buffer.from(JSON.stringify(request))),
        maxBytes: ANSWER_MAX_BYTES,
        timeoutMs,
        secret: token.reveal(),
      })
      return {
        signature: sign('sha256', data, privateKey),
        key: { $case: 'x509Certificate', certificate: leafIn(answer, fulcio) },
      }
    },
  }
}

interface Answer {
  readonly signedCertificateEmbeddedSct?: { readonly chain?: { readonly certificates?: readonly unknown[] } }
}

/** With its SCT inside: a detached one has no place in a bundle. */
function leafIn(answer: Buffer, fulcio: Service): string {
  const json = parseStrictJson(answer, { maxBytes: ANSWER_MAX_BYTES, maxDepth: 8 })
  if (!json.ok) throw signingFailed(fulcio, 'gave an answer that is no JSON')
  const leaf = (json.value as Answer | null)?.signedCertificateEmbeddedSct?.chain?.certificates?.[0]
  if (typeof leaf === 'string') return leaf
  throw signingFailed(fulcio, 'gave an answer without a certificate')
}
