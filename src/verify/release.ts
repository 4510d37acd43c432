import type { StagedTarball } from '../core/archive.ts'
import { VerificationError } from '../core/errors.ts'
import { printable } from '../core/printable.ts'
import type { ReleaseStatement, Subject } from '../core/statement.ts'
import type { ForeignSubject } from './attestation.ts'
import type { Witness } from './claims.ts'
import { sameStatement } from './statement.ts'

/**
 * Step 5: the one statement about a release, when publishers have signed ours; `null` when only other tools speak. All
 * must state the same: one statement then selects the policy, and no other can be in the same file.
 * @throws VerificationError `STATEMENT_INVALID`
 */
export function agreedStatement(witnesses: readonly Witness[]): ReleaseStatement | null {
  let agreed: ReleaseStatement | null = null
  for (const { attestation, signer } of witnesses) {
    if (attestation.kind !== 'release') continue
    agreed ??= attestation.statement
    if (sameStatement(agreed, attestation.statement)) continue
    throw new VerificationError(
      'STATEMENT_INVALID',
      `cannot accept the signed statements: expected all signers to state the same, found that ${printable(signer.id, 300)} does not`,
      { hint: 'a further signer signs the statement of the first: plugins sign TARBALL --key KEY adds a signature' },
    )
  }
  return agreed
}

/**
 * Step 5 for everything that is about the same release without stating it whole: countersignatures and statements of
 * other tools must name this tarball too, or they belong to another.
 * @throws VerificationError `DIGEST_MISMATCH`, `SUBJECT_MISMATCH`
 */
export function assertAbout(
  witnesses: readonly Witness[],
  tarball: Pick<StagedTarball, 'source' | 'sha256' | 'sha512'>,
): void {
  for (const { attestation, signer } of witnesses) {
    if (attestation.kind === 'release') continue
    const isAbout =
      attestation.kind === 'countersignature'
        ? attestation.statement.sha256 === tarball.sha256 && attestation.statement.sha512 === tarball.sha512
        : attestation.statement.subjects.some((subject) => isOf(subject, tarball))
    if (isAbout) continue
    throw new VerificationError(
      'DIGEST_MISMATCH',
      `cannot trust ${printable(tarball.source)}: what ${printable(signer.id, 300)} signed is about another tarball, ` +
        `expected sha256:${tarball.sha256}`,
      { hint: 'the tarball was changed, or that line of the bundle belongs to another: fetch both again' },
    )
  }
}

/** By every digest it gives that we can compute, and by one at least. */
export function isOf(
  subject: Pick<ForeignSubject, 'sha256' | 'sha512'>,
  tarball: Pick<StagedTarball, 'sha256' | 'sha512'>,
) {
  if (subject.sha256 === null && subject.sha512 === null) return false
  return (
    (subject.sha256 === null || subject.sha256 === tarball.sha256) &&
    (subject.sha512 === null || subject.sha512 === tarball.sha512)
  )
}

/**
 * The release's name must be that of everybody who gives one.
 * @throws VerificationError `SUBJECT_MISMATCH`
 */
export function assertNamed(witnesses: readonly Witness[], { name, version, sha256, sha512 }: Subject): void {
  for (const { attestation, signer } of witnesses) {
    const named =
      attestation.kind === 'foreign'
        ? attestation.statement.subjects
            .filter((subject) => isOf(subject, { sha256, sha512 }))
            .map(({ release }) => release)
        : [attestation.statement]
    for (const release of named) {
      if (release === 'unnamed') continue
      if (release !== 'no plugin' && release.name === name && release.version === version) continue
      const found = release === 'no plugin' ? 'a package that is no plugin' : `${release.name} ${release.version}`
      throw new VerificationError(
        'SUBJECT_MISMATCH',
        `cannot accept ${name} ${version}: what ${printable(signer.id, 300)} signed is for ${found}`,
        { hint: 'the publisher signed a statement for another package; ask for a new one' },
      )
    }
  }
}

/** Other tools list no files, and what this host listed at install is not there. */
export const unlisted = (source: string): VerificationError =>
  new VerificationError(
    'MODIFIED',
    `cannot trust ${printable(source)}: its signers list no files, and the list made when it was installed is gone`,
    { hint: 'install it again; find out who changed it', details: { modified: [], missing: [], extra: [] } },
  )
