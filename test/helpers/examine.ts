import { ARCHIVE_BOUNDS, type StagedTarball } from '../../src/core/archive.ts'
import { readArchive } from '../../src/core/archive-reader.ts'
import type { ReleaseHistory } from '../../src/core/verified.ts'
import { type TrustPolicy, Verifier, type VerifierParts, type Wanted } from '../../src/verify/index.ts'
import { NO_ROOTS } from '../../src/verify/roots.ts'

export const NOW = new Date('2026-11-21T12:00:00Z')
export const NEVER_SEEN: ReleaseHistory = { highWater: null, digestOf: () => null }

/** A verifier with the real archive reader, a fixed clock and a host that has seen nothing, unless told otherwise. */
export function verifierFor(policy: TrustPolicy, parts: Partial<VerifierParts> = {}): Verifier {
  return new Verifier({
    policy,
    roots: NO_ROOTS,
    now: () => NOW,
    historyOf: () => NEVER_SEEN,
    readArchive: (tarball) => readArchive(tarball, ARCHIVE_BOUNDS),
    ...parts,
  })
}

/** The code of the verdict, `OK` when it is accepted. */
export async function verdictOf(
  policy: TrustPolicy,
  tarball: StagedTarball,
  wanted: Wanted = {},
  parts: Partial<VerifierParts> = {},
): Promise<string> {
  const { verdict } = await verifierFor(policy, parts).examine(tarball, wanted)
  return verdict.ok ? 'OK' : verdict.error.code
}
