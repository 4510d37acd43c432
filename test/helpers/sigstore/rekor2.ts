// Rekor v2: entries with a proof alone. It promises nothing and tells no time, so a timestamp has to come from elsewhere.

import { createHash, verify, X509Certificate } from 'node:crypto'
import { preAuthEncoding } from '../../../src/verify/dsse.ts'
import { Log, type LogKey } from './log.ts'
import { jsonOf, Refusal, type Reply, type Routes } from './loopback.ts'
import type { Misbehaviour } from './misbehaviour.ts'
import { canonical } from './rekor1.ts'

interface EntryRequest {
  readonly dsseRequestV002?: {
    readonly envelope: {
      readonly payload: string
      readonly payloadType: string
      readonly signatures: readonly { readonly sig: string }[]
    }
    readonly verifiers: readonly {
      readonly keyDetails: string
      readonly x509Certificate?: { readonly rawBytes: string }
    }[]
  }
}

export class Rekor2 {
  readonly log: Log

  constructor(kind: LogKey) {
    this.log = new Log(kind, (name) => name)
  }

  routes(url: string, amiss: () => Misbehaviour): Routes {
    this.log.open(url)
    return { 'POST /api/v2/log/entries': (request) => this.#add(jsonOf<EntryRequest>(request), amiss().log) }
  }

  #add({ dsseRequestV002 }: EntryRequest, amiss: Misbehaviour['log']): Reply {
    const [verifier] = dsseRequestV002?.verifiers ?? []
    const [signature] = dsseRequestV002?.envelope.signatures ?? []
    if (dsseRequestV002 === undefined || verifier?.x509Certificate === undefined || signature === undefined) {
      throw new Refusal('only a dsse entry of version 0.0.2 with a certificate is taken here')
    }
    const { payloadType, ...envelope } = dsseRequestV002.envelope
    const payload = Buffer.from(envelope.payload, 'base64')
    const { publicKey } = new X509Certificate(Buffer.from(verifier.x509Certificate.rawBytes, 'base64'))
    const encoded = preAuthEncoding(payloadType, payload)
    if (!verify('sha256', encoded, publicKey, Buffer.from(signature.sig, 'base64'))) {
      throw new Refusal('the signature of the envelope does not verify')
    }
    const logged = amiss === 'other-entry' ? Buffer.from('something else').toString('base64') : signature.sig
    const payloadHash = { algorithm: 'SHA2_256', digest: createHash('sha256').update(payload).digest('base64') }
    const spec = { dsseV002: { payloadHash, signatures: [{ content: logged, verifier }] } }
    const body = Buffer.from(canonical({ apiVersion: '0.0.2', kind: 'dsse', spec }))
    if (this.log.has(body)) throw new Refusal('an equivalent entry already exists', 409)
    const { index, size, root, hashes, checkpoint } = this.log.append(body, amiss)
    const inclusionProof = {
      logIndex: `${index}`,
      rootHash: root.toString('base64'),
      treeSize: `${size}`,
      hashes: hashes.map((hash) => hash.toString('base64')),
      checkpoint: { envelope: checkpoint },
    }
    return {
      status: 201,
      body: {
        logIndex: `${index}`,
        logId: { keyId: this.log.id.toString('base64') },
        kindVersion: { kind: 'dsse', version: '0.0.2' },
        integratedTime: '0',
        inclusionPromise: null,
        ...(amiss === 'no-proof' ? {} : { inclusionProof }),
        canonicalizedBody: body.toString('base64'),
      },
    }
  }
}
