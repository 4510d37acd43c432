import type { Archive, StagedTarball } from './archive.ts'
import type { Sha256 } from './digest.ts'
import type { Manifest } from './manifest.ts'
import type { ReleaseStatement } from './statement.ts'

declare const seal: unique symbol

/** Somebody whose signature was checked and counted. */
export interface Signer {
  /** `ed25519:<hex>`, or `issuer identity` of a certificate. */
  readonly id: string
  readonly kind: 'keyed' | 'keyless'
  /** The principal of the trust policy it stands for; two keys of one principal count once. */
  readonly principal: string
}

/** A document a verdict rests on, as its bytes were at that moment. */
export interface EvidenceDocument {
  readonly digest: Sha256
  readonly bytes: Buffer
}

/** What a later verdict can be compared with. */
export interface Evidence {
  readonly policy: EvidenceDocument
  /** The trusted roots that vouched for certificates or timestamps. */
  readonly roots: readonly (EvidenceDocument & { readonly name: string })[]
}

/** DESIGN §4, install 2–7: a statement whose signatures, signers, threshold, revocations and expiry were checked. */
export interface VerifiedStatement {
  readonly [seal]: 'statement'
  readonly statement: ReleaseStatement
  readonly signers: readonly Signer[]
  /** Whose countersignature was counted. */
  readonly countersigners: readonly Signer[]
  /** `recorded`: no signer lists the files, since another tool made their statements or there are none; this host did. */
  readonly fileList: 'signed' | 'recorded'
  /** Types of the statements of other tools among those that were counted, each once and in order. */
  readonly predicates: readonly string[]
  /** The latest moment at which a trusted third party saw a signature that was counted; `null`: none was asked, or there is none. */
  readonly seenAtMs: number | null
  /** The raw bundle the verdict rests on; `null`: there is none, and `unsigned` says how it came in. */
  readonly bundle: Buffer | null
  /** Let in by name, without a signature, and until when. */
  readonly unsigned: { readonly untilMs: number } | null
  /** sha256 of the policy the verdict was made under. */
  readonly policyDigest: string
  readonly evidence: Evidence
}

/** DESIGN §4, install 2–10: a tarball that is what its trusted signers signed. Only `verify/verifier.ts` makes one. */
export interface VerifiedRelease {
  readonly [seal]: 'release'
  readonly verified: VerifiedStatement
  readonly manifest: Manifest
  readonly archive: Archive
  readonly tarball: StagedTarball
  /** Where no signer lists the files: the list that this host keeps beside the release, as its bytes will be. */
  readonly recorded: Buffer | null
}

/** One row of `verify --explain`. */
export interface Check {
  readonly check: string
  readonly result: 'pass' | 'fail' | 'not-applicable'
  readonly detail: string
  readonly remedy: string | null
}

/** What this host has seen of a plugin, from the store: survives `remove --purge`. */
export interface ReleaseHistory {
  /** The newest version ever installed. */
  readonly highWater: string | null
  /** Digest first seen under a version. */
  digestOf(version: string): string | null
}
