import type { Sha256, Sha512 } from './digest.ts'
import type { PluginName } from './name.ts'

/** in-toto Attestation Framework v1, Statement: the value of `_type`. */
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1'
/** DSSE payload type of an in-toto statement. */
export const PAYLOAD_TYPE = 'application/vnd.in-toto+json'
/** Our own predicate; the number changes when its meaning does. */
export const PREDICATE_TYPE = 'https://bulkhead.dev/attestation/release/v1'

/** A marketplace's or reviewer's word about a release; it never makes them its publisher. */
export const COUNTERSIGNATURE_TYPE = 'https://bulkhead.dev/attestation/countersignature/v1'
/** The holder of a key names the key that takes its place. */
export const ROTATION_TYPE = 'https://bulkhead.dev/attestation/rotation/v1'
/** What every predicate of ours begins with: none of them is taken for one of another tool. */
export const OWN_PREDICATES = 'https://bulkhead.dev/'

/** One file of the release as its publisher signed it. Folders are implied by the paths. */
export interface SignedFile {
  readonly path: string
  readonly size: number
  readonly executable: boolean
  readonly sha256: Sha256
}

/** One tarball, and what it is called. */
export interface Subject {
  readonly name: PluginName
  readonly version: string
  /** Digests of the tarball. */
  readonly sha256: Sha256
  readonly sha512: Sha512
}

/** What the publisher says about one tarball. */
export interface ReleaseStatement extends Subject {
  /** sha256 of `plugin.json`. */
  readonly manifestDigest: Sha256
  /** Sorted by path, in byte order. */
  readonly files: readonly SignedFile[]
  /** The publisher's own counter; informational. */
  readonly sequence: number
  readonly publishedAt: string
  readonly expiresAt: string | null
}
