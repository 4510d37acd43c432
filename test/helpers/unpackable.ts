import type { Archive, StagedTarball } from '../../src/core/archive.ts'
import { fileBytesOf } from '../../src/core/archive.ts'
import { byPath } from '../../src/core/archive-path.ts'
import { sha256 } from '../../src/core/digest.ts'
import type { Manifest } from '../../src/core/manifest.ts'
import { parseManifest } from '../../src/core/manifest-parser.ts'
import type { PluginName } from '../../src/core/name.ts'
import type { SignedFile } from '../../src/core/statement.ts'
import type { VerifiedRelease } from '../../src/core/verified.ts'

/** A signed list that agrees with an archive, as an honest publisher would have made it. */
export function signedFilesOf(archive: Archive): SignedFile[] {
  return archive.entries
    .filter(({ type }) => type === 'file')
    .map((entry) => ({
      path: entry.path,
      size: entry.size,
      executable: entry.executable,
      sha256: sha256(fileBytesOf(archive, entry)),
    }))
    .sort(byPath)
}

/**
 * What the verifier would hand out for an archive, without a signature: for tests of what comes after it. The cast is
 * the one in the tests; in the sources there is only the verifier's.
 */
export function unpackable(
  archive: Archive,
  tarball: StagedTarball,
  files: readonly SignedFile[] = signedFilesOf(archive),
  manifest: Manifest = manifestIn(archive),
): VerifiedRelease {
  return {
    manifest,
    archive,
    tarball,
    recorded: null,
    verified: {
      statement: {
        name: manifest.name as PluginName,
        version: manifest.version,
        sha256: tarball.sha256,
        sha512: tarball.sha512,
        manifestDigest: sha256(Buffer.alloc(0)),
        files,
        sequence: 1,
        publishedAt: '2026-01-01T00:00:00Z',
        expiresAt: null,
      },
      signers: [],
      countersigners: [],
      fileList: 'signed',
      predicates: [],
      seenAtMs: null,
      bundle: Buffer.from('{}\n'),
      unsigned: null,
      policyDigest: sha256(''),
      evidence: { policy: { digest: sha256(''), bytes: Buffer.alloc(0) }, roots: [] },
    },
  } as unknown as VerifiedRelease
}

function manifestIn(archive: Archive): Manifest {
  const entry = archive.entries.find(({ path }) => path === 'plugin.json')
  if (entry === undefined) throw new Error('the archive has no plugin.json')
  return parseManifest(fileBytesOf(archive, entry))
}
