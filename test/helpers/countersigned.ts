import { COUNTERSIGNATURE_TYPE, STATEMENT_TYPE } from '../../src/core/statement.ts'
import type { Authority, PublishedRelease } from './authority.ts'

/** A release with one more line of its bundle for each who has looked at it. */
export function countersigned(release: PublishedRelease, ...by: readonly Authority[]): PublishedRelease {
  const { name, version, sha256, sha512 } = release.statement
  const lines = by.map((one) =>
    one.sign({
      _type: STATEMENT_TYPE,
      subject: [{ name: `${name}@${version}`, digest: { sha256, sha512 } }],
      predicateType: COUNTERSIGNATURE_TYPE,
      predicate: { reviewedAt: '2026-11-20T00:00:00Z' },
    }),
  )
  return { ...release, bundle: Buffer.concat([release.bundle, ...lines]) }
}
