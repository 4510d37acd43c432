// A timestamp on a bundle that a key has signed, as `plugins sign --timestamp-url` fetches one.

import { createHash } from 'node:crypto'
import { parseBundles } from '../../../src/verify/bundle.ts'
import { edited } from '../edited.ts'
import { nothing, oid, sequence } from './der.ts'
import type { Sigstore } from './sigstore.ts'

const SHA256 = '2.16.840.1.101.3.4.2.1'

/** The same bundle, seen by the authority at the moment its clock shows. */
export function stamped(bundle: Buffer, { timestampAuthority }: Pick<Sigstore, 'timestampAuthority'>): Buffer {
  const [parsed] = parseBundles(bundle)
  if (parsed === undefined) throw new Error('expected one bundle')
  const digest = createHash('sha256').update(parsed.signature).digest()
  const algorithm = sequence(oid(SHA256), nothing)
  const token = timestampAuthority.stamp({ algorithm, digest, nonce: null, wantsCertificate: true })
  const rfc3161Timestamps = [{ signedTimestamp: token.toString('base64') }]
  return edited(bundle, ['verificationMaterial', 'timestampVerificationData'], { rfc3161Timestamps })
}
