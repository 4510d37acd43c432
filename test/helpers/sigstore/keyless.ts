// A publisher without keys: signs payloads through a local Sigstore, with the libraries that publishers use.

import { bundleToJSON } from '@sigstore/bundle'
import { DSSEBundleBuilder, FulcioSigner, RekorWitness, TSAWitness, type Witness } from '@sigstore/sign'
import { PAYLOAD_TYPE } from '../../../src/core/statement.ts'
import { type Claims, type TokenOptions, workflow } from './issuer.ts'
import type { Sigstore } from './sigstore.ts'

export interface KeylessOptions {
  /** Who signs: `person(…)` or `workflow(…)`. */
  readonly identity?: Claims
  readonly token?: TokenOptions
  /** Which logs take an entry. */
  readonly rekor?: readonly (1 | 2)[]
  readonly entryType?: 'dsse' | 'intoto'
  /** How many timestamps; Rekor v2 tells no time, so with it alone there must be one. */
  readonly timestamps?: number
  readonly payloadType?: string
}

/** The bundle, as the object that its JSON is. */
export async function keylessBundle(
  sigstore: Sigstore,
  payload: Buffer,
  {
    identity = workflow('acme/plugins'),
    token = {},
    rekor = [1],
    entryType = 'dsse',
    timestamps = rekor.includes(1) ? 0 : 1,
    payloadType = PAYLOAD_TYPE,
  }: KeylessOptions = {},
) {
  const { urls, issuer } = sigstore
  const once = { retry: false, timeout: 10_000 }
  const witnesses: Witness[] = [
    ...rekor.map(
      (version) =>
        new RekorWitness({
          ...once,
          rekorBaseURL: version === 1 ? urls.rekor1 : urls.rekor2,
          majorApiVersion: version,
          entryType,
        }),
    ),
    ...Array.from({ length: timestamps }, () => new TSAWitness({ ...once, tsaBaseURL: urls.timestamp })),
  ]
  const signer = new FulcioSigner({
    ...once,
    fulcioBaseURL: urls.fulcio,
    identityProvider: { getToken: async () => issuer.token(identity, token) },
  })
  const builder = new DSSEBundleBuilder({ signer, witnesses, certificateChain: false })
  return bundleToJSON(await builder.create({ data: payload, type: payloadType }))
}

/** The line of a `.sigstore.json` file. */
export async function keylessLine(sigstore: Sigstore, payload: Buffer, options: KeylessOptions = {}): Promise<Buffer> {
  return Buffer.from(`${JSON.stringify(await keylessBundle(sigstore, payload, options))}\n`)
}
