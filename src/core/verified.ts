import type { Archive, StagedTarball } from './archive.ts'
import type { Manifest } from './manifest.ts'
import type { ReleaseStatement } from './statement.ts'

declare const seal: unique symbol

/** Somebody whose signature was checked and counted. */
export interface Signer {
  /** `ed25519:<hex>`, or `issuer identity` of a certificate. */
  readonly id: string
  /** The principal of the trust policy it stands for; two keys of one principal count once. */
  readonly principal: string
}

/** DESIGN §4, install 2–7: a statement whose signatures, signers, threshold, revocations and expiry were checked. */
export interface VerifiedStatement {
  readonly [seal]: 'statement'
  readonly statement: ReleaseStatement
  readonly signers: readonly Signer[]
  /** The raw bundle the verdict rests on. */
  readonly bundle: Buffer
  /** sha256 of the policy the verdict was made under. */
  readonly policyDigest: string
}

/** DESIGN §4, install 2–10: a tarball that is what its trusted signers signed. Only `verify/verifier.ts` makes one. */
export interface VerifiedRelease {
  readonly [seal]: 'release'
  readonly verified: VerifiedStatement
  readonly manifest: Manifest
  readonly archive: Archive
  readonly tarball: StagedTarball
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
