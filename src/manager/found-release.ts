import type { FoundRelease } from '../core/lock-consent.ts'
import type { VerifiedRelease } from '../core/verified.ts'

/** What a lock file is held against. */
export const foundOf = ({ verified, manifest }: Pick<VerifiedRelease, 'verified' | 'manifest'>): FoundRelease => ({
  statement: verified.statement,
  signers: verified.signers.map(({ id }) => id),
  countersigners: verified.countersigners.map(({ id }) => id),
  predicates: verified.predicates,
  fileList: verified.fileList,
  manifest,
})
