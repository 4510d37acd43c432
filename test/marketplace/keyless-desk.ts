// A desk whose author signs without a key, and the Sigstore on loopback that they sign with.

import assert from 'node:assert/strict'
import { after, afterEach, before } from 'node:test'
import { inspect } from 'node:util'
import { bundleFromJSON } from '@sigstore/bundle'
import { TrustedRoot } from '@sigstore/protobuf-specs'
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify'
import type { PluginError } from '../../src/index.ts'
import type { SignOptions } from '../../src/marketplace/sign.ts'
import type { KeylessOptions } from '../../src/marketplace/signer.ts'
import { type Claims, person, type TokenOptions } from '../helpers/sigstore/issuer.ts'
import { Sigstore } from '../helpers/sigstore/sigstore.ts'
import type { Desk } from './desk.ts'

export const TARBALL = 'acme-hello-1.0.0.tgz'
export const ADA = person('ada@example.com')

/** One for a file of tests; between them it behaves again. */
export const sigstore = new Sigstore()
before(() => sigstore.start())
afterEach(() => {
  sigstore.misbehave = {}
})
after(() => sigstore.close())

export const given = (identity: Claims = ADA, options: TokenOptions = {}) => ({
  text: sigstore.issuer.token(identity, options),
  source: 'token.txt',
})

/** Signs keyless, with Rekor v1 unless told otherwise. */
export const keyless = (own: Desk, more: Partial<KeylessOptions> = {}, options: Partial<SignOptions> = {}) => {
  const { fulcio, rekor1, rekor2 } = sigstore.urls
  const rekorUrl = more.rekorVersion === 2 ? rekor2 : rekor1
  const defaults = { identityToken: given(), environment: {}, fulcioUrl: fulcio, rekorUrl }
  return own.market.sign(own.tarball, { timeoutMs: 5_000, ...options, keyless: { ...defaults, ...more } })
}

export const stamped = (options: Partial<SignOptions> = {}) => ({ timestampUrl: sigstore.urls.timestamp, ...options })

/** By Sigstore's own verifier. */
export function verified(json: unknown) {
  const material = toTrustMaterial(TrustedRoot.fromJSON(sigstore.trustedRoot))
  const verifier = new Verifier(material, { ctlogThreshold: 1, tlogThreshold: 1, timestampThreshold: 1 })
  return verifier.verify(toSignedEntity(bundleFromJSON(json)))
}

/** Nothing of a token is in an error, however it is printed. */
export function assertSilent(error: PluginError, token: string): void {
  const shown = [
    error.message,
    error.stack,
    JSON.stringify(error),
    inspect(error, { depth: 12, showHidden: true }),
  ].join()
  for (const part of [token, ...token.split('.')]) {
    if (part.length >= 12) assert.ok(!shown.includes(part), 'the error holds a part of the token')
  }
}
