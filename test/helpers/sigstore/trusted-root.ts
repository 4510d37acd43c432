// What a verifier of this Sigstore has to know: the TrustedRoot, and the SigningConfig, in protobuf's JSON.

import type { Log } from './log.ts'
import type { Key } from './x509.ts'
import { digestOf } from './x509.ts'

export interface Authorities {
  readonly ctLogKey: Key
  readonly logs: readonly { readonly url: string; readonly log: Log }[]
  readonly fulcio: { readonly url: string; readonly chain: readonly Buffer[] }
  readonly timestamp: { readonly url: string; readonly chain: readonly Buffer[] }
  readonly since: Date
}

const certChain = (chain: readonly Buffer[]) => ({
  certificates: chain.map((der) => ({ rawBytes: der.toString('base64') })),
})
const subject = (commonName: string) => ({ organization: 'sigstore.test', commonName })

export function trustedRootOf({ ctLogKey, logs, fulcio, timestamp, since }: Authorities) {
  const validFor = { start: since.toISOString() }
  const publicKey = (key: Key, keyDetails: string) => ({ rawBytes: key.spki.toString('base64'), keyDetails, validFor })
  return {
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: logs.map(({ url, log }) => ({
      baseUrl: url,
      hashAlgorithm: 'SHA2_256',
      publicKey: publicKey(log.key, log.kind === 'ecdsa' ? 'PKIX_ECDSA_P256_SHA_256' : 'PKIX_ED25519'),
      logId: { keyId: log.id.toString('base64') },
    })),
    certificateAuthorities: [
      { subject: subject('sigstore'), uri: fulcio.url, certChain: certChain(fulcio.chain), validFor },
    ],
    ctlogs: [
      {
        baseUrl: `${fulcio.url}/ctlog`,
        hashAlgorithm: 'SHA2_256',
        publicKey: publicKey(ctLogKey, 'PKIX_ECDSA_P256_SHA_256'),
        logId: { keyId: digestOf(ctLogKey.spki).toString('base64') },
      },
    ],
    timestampAuthorities: [
      { subject: subject('tsa-root'), uri: timestamp.url, certChain: certChain(timestamp.chain), validFor },
    ],
  }
}

export interface Urls {
  readonly issuer: string
  readonly fulcio: string
  readonly rekor1: string
  readonly rekor2: string
  readonly timestamp: string
}

export function signingConfigOf(urls: Urls, since: Date) {
  const service = (url: string, majorApiVersion: number) => ({
    url,
    majorApiVersion,
    validFor: { start: since.toISOString() },
    operator: 'sigstore.test',
  })
  return {
    mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
    caUrls: [service(urls.fulcio, 1)],
    oidcUrls: [service(urls.issuer, 1)],
    rekorTlogUrls: [service(urls.rekor2, 2), service(urls.rekor1, 1)],
    rekorTlogConfig: { selector: 'ANY' },
    tsaUrls: [service(`${urls.timestamp}/api/v1/timestamp`, 1)],
    tsaConfig: { selector: 'ANY' },
  }
}
