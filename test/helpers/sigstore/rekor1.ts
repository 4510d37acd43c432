// Rekor v1: entries with a promise (the SET, which carries a time) and a proof.

import { createHash, verify, X509Certificate } from 'node:crypto'
import { preAuthEncoding } from '../../../src/verify/dsse.ts'
import { Log } from './log.ts'
import { jsonOf, Refusal, type Reply, type Routes } from './loopback.ts'
import type { Misbehaviour } from './misbehaviour.ts'

/** The log was begun anew at some time; its entries count on from those of the trees before. */
const ENTRIES_BEFORE = 4_000_000
const TREE_ID = '1193050959916656506'

interface Proposal {
  readonly kind: string
  readonly apiVersion: string
  readonly spec: {
    readonly proposedContent?: { readonly envelope?: string; readonly verifiers?: readonly string[] }
    readonly content?: {
      readonly envelope: {
        readonly payloadType: string
        readonly payload: string
        readonly signatures: readonly { readonly sig: string; readonly publicKey: string; readonly keyid?: string }[]
      }
      readonly hash: unknown
      readonly payloadHash: unknown
    }
  }
}

interface Envelope {
  readonly payload: string
  readonly payloadType: string
  readonly signatures: readonly { readonly sig: string }[]
}

export class Rekor1 {
  readonly log = new Log('ecdsa', (name) => `${name} - ${TREE_ID}`)
  readonly #now: () => Date
  readonly #entries = new Map<string, object>()

  constructor(now: () => Date) {
    this.#now = now
  }

  routes(url: string, amiss: () => Misbehaviour): Routes {
    this.log.open(url)
    return {
      'POST /api/v1/log/entries': (request) => this.#add(jsonOf<Proposal>(request), amiss()),
      'GET /api/v1/log/entries/*': ({ url: asked }) => {
        const uuid = asked.pathname.split('/').pop() ?? ''
        const entry = this.#entries.get(uuid)
        if (entry === undefined) throw new Refusal('no such entry', 404)
        return { status: 200, body: { [uuid]: entry } }
      },
    }
  }

  #add(proposal: Proposal, misbehaviour: Misbehaviour): Reply {
    const { log: amiss } = misbehaviour
    const body = Buffer.from(canonical(bodyOf(proposal, misbehaviour)))
    const uuid = createHash('sha256')
      .update(Buffer.from([0]))
      .update(body)
      .digest('hex')
    if (this.#entries.has(uuid)) {
      const headers = { location: `/api/v1/log/entries/${uuid}` }
      return { status: 409, body: { code: 409, message: 'an equivalent entry already exists' }, headers }
    }
    const { index, size, root, hashes, checkpoint } = this.log.append(body, amiss)
    const promised = {
      body: body.toString('base64'),
      integratedTime: Math.floor(this.#now().getTime() / 1000) - (amiss === 'early' ? 3600 : 0),
      logID: this.log.id.toString('hex'),
      logIndex: ENTRIES_BEFORE + index,
    }
    const forged = amiss === 'forged' || amiss === 'forged-promise'
    const promise = this.log.signs(Buffer.from(canonical(promised)), forged).toString('base64')
    const proof = {
      checkpoint,
      hashes: hashes.map((hash) => hash.toString('hex')),
      logIndex: index,
      rootHash: root.toString('hex'),
      treeSize: size,
    }
    const verification = {
      ...(amiss === 'no-proof' ? {} : { inclusionProof: proof }),
      ...(amiss === 'no-promise' ? {} : { signedEntryTimestamp: promise }),
    }
    const entry = { ...promised, verification }
    this.#entries.set(uuid, entry)
    return { status: 201, body: { [uuid]: entry } }
  }
}

/** What is logged: never the payload, only its digest. Rekor checks the signature before. */
function bodyOf(proposal: Proposal, amiss: Misbehaviour): object {
  const kind = `${proposal.kind} ${proposal.apiVersion}`
  if (kind === 'dsse 0.0.1') return dsse(proposal, amiss)
  if (kind === 'intoto 0.0.2') return intoto(proposal, amiss)
  throw new Refusal(`entries of the kind ${kind} are not taken here`)
}

function dsse({ spec: { proposedContent } }: Proposal, amiss: Misbehaviour): object {
  const text = proposedContent?.envelope ?? ''
  const envelope = JSON.parse(text) as Envelope
  const [verifier = ''] = proposedContent?.verifiers ?? []
  const [signature] = envelope.signatures
  const payload = Buffer.from(envelope.payload, 'base64')
  if (amiss.certificate !== 'other-key') checkSignature(envelope.payloadType, payload, signature?.sig ?? '', verifier)
  return {
    apiVersion: '0.0.1',
    kind: 'dsse',
    spec: {
      envelopeHash: digest(Buffer.from(text)),
      payloadHash: digest(payload),
      signatures: [{ signature: amiss.log === 'other-entry' ? OTHER : signature?.sig, verifier }],
    },
  }
}

/** npm's provenance is logged so. Payload and signature come in base64 of base64. */
function intoto({ spec: { content } }: Proposal, amiss: Misbehaviour): object {
  if (content === undefined) throw new Refusal('the entry has no content')
  const { envelope, hash, payloadHash } = content
  const [signature] = envelope.signatures
  if (signature === undefined) throw new Refusal('the envelope has no signature')
  const payload = Buffer.from(Buffer.from(envelope.payload, 'base64').toString(), 'base64')
  const sig = Buffer.from(signature.sig, 'base64').toString()
  checkSignature(envelope.payloadType, payload, sig, signature.publicKey)
  if (canonical(payloadHash) !== canonical(digest(payload))) throw new Refusal('the digest of the payload is another')
  const logged = amiss.log === 'other-entry' ? { ...signature, sig: Buffer.from(OTHER).toString('base64') } : signature
  return {
    apiVersion: '0.0.2',
    kind: 'intoto',
    spec: {
      content: { envelope: { payloadType: envelope.payloadType, signatures: [logged] }, hash, payloadHash },
    },
  }
}

const OTHER = Buffer.from('a signature of something else').toString('base64')
const digest = (bytes: Buffer) => ({
  algorithm: 'sha256',
  value: createHash('sha256').update(bytes).digest('hex'),
})

function checkSignature(payloadType: string, payload: Buffer, sig: string, verifier: string): void {
  const { publicKey } = new X509Certificate(Buffer.from(verifier, 'base64'))
  if (!verify('sha256', preAuthEncoding(payloadType, payload), publicKey, Buffer.from(sig, 'base64'))) {
    throw new Refusal('the signature of the envelope does not verify')
  }
}

/** RFC 8785 for what occurs here: texts, whole numbers, objects and lists. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined)
  const sorted = entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${sorted.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(',')}}`
}
