import { type Archive, fileBytesOf, type StagedTarball } from '../core/archive.ts'
import { sha256 } from '../core/digest.ts'
import { ManifestError, VerificationError } from '../core/errors.ts'
import { hookProgramsOf, MANIFEST_FILE, type Manifest } from '../core/manifest.ts'
import type { PluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import type { ReleaseStatement } from '../core/statement.ts'
import { signedFilesOf } from './signed-files.ts'

export function unsigned(source: string): VerificationError {
  return new VerificationError(
    'UNSIGNED',
    `cannot trust ${printable(source)}: there is no signature bundle beside it`,
    { hint: 'expected TARBALL.sigstore.json; its publisher makes it with: plugins sign TARBALL --key KEY' },
  )
}

/** @throws VerificationError `DIGEST_MISMATCH` */
export function assertDigests(statement: ReleaseStatement, tarball: StagedTarball): void {
  for (const algorithm of ['sha256', 'sha512'] as const) {
    if (statement[algorithm] === tarball[algorithm]) continue
    throw new VerificationError(
      'DIGEST_MISMATCH',
      `cannot trust ${printable(tarball.source)}: expected ${algorithm}:${statement[algorithm]}, as signed for ` +
        `${statement.name} ${statement.version}, found ${algorithm}:${tarball[algorithm]}`,
      { hint: 'the tarball was changed, or the bundle belongs to another: fetch both again' },
    )
  }
}

/** @throws VerificationError `SUBJECT_MISMATCH` */
export function assertSubject(
  { name, version }: ReleaseStatement,
  wanted: { readonly name?: PluginName | undefined; readonly version?: string | undefined },
): void {
  const isName = wanted.name === undefined || wanted.name === name
  const isVersion = wanted.version === undefined || wanted.version === version
  if (isName && isVersion) return
  const expected = [wanted.name, wanted.version].filter((part) => part !== undefined).join(' ')
  throw new VerificationError(
    'SUBJECT_MISMATCH',
    `cannot accept this release: expected ${printable(expected)}, found a signed ${name} ${version}`,
    { hint: 'the bundle is good, but it is for something else' },
  )
}

/** @throws VerificationError `STATEMENT_EXPIRED` */
export function freshness({ name, version, expiresAt }: ReleaseStatement, now: Date): string {
  if (expiresAt === null) return 'the statement has no expiry'
  if (now.getTime() < Date.parse(expiresAt)) return `the statement holds until ${expiresAt}`
  throw new VerificationError(
    'STATEMENT_EXPIRED',
    `cannot accept ${name} ${version}: its statement held until ${expiresAt}, and it is ${now.toISOString()}`,
    { hint: 'choose a newer version, or ask the publisher to sign this one again' },
  )
}

/** @throws VerificationError `SUBJECT_MISMATCH`, ManifestError `MANIFEST_INVALID` */
export async function manifestIn(archive: Archive, statement: ReleaseStatement): Promise<Manifest> {
  const { manifest } = await readManifest(archive)
  if (manifest.name === statement.name && manifest.version === statement.version) return manifest
  throw new VerificationError(
    'SUBJECT_MISMATCH',
    `cannot accept ${statement.name} ${statement.version}: its ${MANIFEST_FILE} says ${manifest.name} ${manifest.version}`,
    { hint: 'the publisher signed a statement for another package; ask for a new one' },
  )
}

/**
 * What this host sees of a tarball that others have signed without saying what is in it: written down at install, and
 * compared with ever after.
 */
export async function observedStatement(
  tarball: StagedTarball,
  archive: Archive,
  now: Date,
): Promise<ReleaseStatement> {
  const { manifest, bytes } = await readManifest(archive)
  return {
    name: manifest.name,
    version: manifest.version,
    sha256: tarball.sha256,
    sha512: tarball.sha512,
    manifestDigest: sha256(bytes),
    files: signedFilesOf(archive),
    sequence: 0,
    publishedAt: now.toISOString(),
    expiresAt: null,
  }
}

async function readManifest(archive: Archive): Promise<{ manifest: Manifest; bytes: Uint8Array }> {
  // Loaded here: its schema costs more to build than a whole run, and a run checks nothing but digests.
  const { parseManifest } = await import('../core/manifest-parser.ts')
  const entry = archive.entries.find(({ path, type }) => path === MANIFEST_FILE && type === 'file')
  if (entry === undefined)
    throw new VerificationError('MANIFEST_MISSING', `cannot accept the tarball: it has no ${MANIFEST_FILE}`)
  const bytes = fileBytesOf(archive, entry)
  const manifest = parseManifest(bytes)
  assertHookPrograms(manifest, archive)
  return { manifest, bytes }
}

/** A hook runs in the middle of a change: that its program is missing must not be found out there. */
function assertHookPrograms(manifest: Manifest, { entries }: Archive): void {
  for (const { key, runtime, path } of hookProgramsOf(manifest)) {
    const program = entries.find((entry) => entry.path === path && entry.type === 'file')
    const fault =
      program === undefined
        ? 'is not in the package'
        : runtime === 'exec' && !program.executable
          ? 'is not executable'
          : null
    if (fault === null) continue
    throw new ManifestError(
      'MANIFEST_INVALID',
      `cannot use ${manifest.name} ${manifest.version}: ${key} names ${printable(path)}, which ${fault}`,
      { details: { faults: [{ path: key, message: fault }] } },
    )
  }
}
