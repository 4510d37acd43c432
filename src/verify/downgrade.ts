import { VerificationError } from '../core/errors.ts'
import type { ReleaseStatement } from '../core/statement.ts'
import type { ReleaseHistory } from '../core/verified.ts'

/**
 * DESIGN §4, install 7: never behind the newest version that was ever here, unless it is asked for by name; never other
 * bytes under a version that was seen before, whoever asks.
 * @throws VerificationError `VERSION_REPUBLISHED`, `DOWNGRADE_REFUSED`.
 */
export async function assertNoDowngrade(
  { name, version, sha256 }: ReleaseStatement,
  history: ReleaseHistory,
  allowDowngrade: boolean,
): Promise<string> {
  const seen = history.digestOf(version)
  if (seen !== null && seen !== sha256) {
    throw new VerificationError(
      'VERSION_REPUBLISHED',
      `cannot accept ${name} ${version}: expected the tarball seen before under this version (sha256:${seen}), ` +
        `found another one (sha256:${sha256})`,
      { hint: 'ask the publisher for a new version; a version that was published never changes' },
    )
  }
  const newest = history.highWater
  if (newest === null) return 'first version seen on this host'
  // Loaded here: semver costs more to load than everything else in this room, and a run compares no versions.
  const { default: compare } = await import('semver/functions/compare-build.js')
  if (compare(version, newest) >= 0) return `not older than ${newest}`
  if (allowDowngrade) return `older than ${newest}, allowed by name`
  throw new VerificationError(
    'DOWNGRADE_REFUSED',
    `cannot accept ${name} ${version}: expected nothing older than ${newest}, which was installed before`,
    { hint: `old versions carry old holes; if you mean it, give --allow-downgrade` },
  )
}
