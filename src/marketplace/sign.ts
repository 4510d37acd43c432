import { ARCHIVE_BOUNDS, fileBytesOf, type StagedTarball } from '../core/archive.ts'
import { readArchive } from '../core/archive-reader.ts'
import { sha256 } from '../core/digest.ts'
import { ManifestError, PluginError, UsageError, VerificationError } from '../core/errors.ts'
import { MANIFEST_FILE } from '../core/manifest.ts'
import { parseManifest } from '../core/manifest-parser.ts'
import type { PluginName } from '../core/name.ts'
import { fetchTarball, placeBundles } from '../registry/index.ts'
import {
  agreedPayload,
  buildCountersignature,
  buildStatement,
  parseBundles,
  readSignatureLines,
  type SignatureLine,
  type StatedFacts,
  signedFilesOf,
  withFileLock,
} from '../verify/index.ts'
import { type KeylessOptions, type SignerReport, signerOf } from './signer.ts'

export interface SignOptions {
  /** Secret key file; or `keyless`. */
  readonly key?: string | undefined
  /** Asked only when the key is encrypted. */
  readonly passphrase?: () => Promise<string | null> | string | null
  readonly keyless?: KeylessOptions | undefined
  /** An RFC 3161 authority that says when the signature was made. */
  readonly timestampUrl?: string | undefined
  /** Sign that somebody who is not the publisher looked at it. */
  readonly countersign?: { readonly note?: string | undefined } | undefined
  readonly sequence?: number | undefined
  /** Replaces this signer's own signature that is there. */
  readonly replace?: boolean | undefined
  /** ISO 8601. */
  readonly expiresAt?: string | undefined
  /** How long each service may take. */
  readonly timeoutMs?: number | undefined
}

export interface SignReport extends SignerReport {
  readonly name: PluginName
  readonly version: string
  readonly kind: SignedKind
  /** The bundle file, and how many signatures are in it now. */
  readonly bundle: string
  readonly signatures: number
  /** An earlier signature of the same signer was taken out. */
  readonly replaced: boolean
}

export type SignedKind = 'release' | 'countersignature'

/**
 * Signs what is in the tarball, as it is read once. The first signer states it; each further one signs the very same
 * statement, after it was found to describe this tarball.
 */
export async function signTarball(tarball: string, options: SignOptions, now: () => Date): Promise<SignReport> {
  const sign = await signerOf(options, now)
  const staged = await fetchTarball(tarball)
  const facts = factsOf(staged, tarball)
  const lines = staged.bundle === null ? [] : readSignatureLines(staged.bundle)
  const kind = options.countersign === undefined ? 'release' : 'countersignature'
  // Before any service is asked, since a log forgets nothing. Who signs keyless is known only afterwards.
  if (sign.id !== null) assertFirst(lines, kind, sign.id, options)

  const others = lines.filter((line) => line.says.kind !== kind || line.signer !== sign.id)
  const payload = payloadFor(kind, facts, others, options, now())
  const { line, signer, report } = await sign.sign(payload)
  if (sign.id === null) assertFirst(lines, kind, signer, options)

  const kept = lines.filter((old) => old.says.kind !== kind || old.signer !== signer)
  const bytes = [...kept.map((old) => old.bytes), line]
  // What we write, we must accept: not one signature too many.
  parseBundles(Buffer.concat(bytes))
  const bundle = await locked(tarball, () => placeBundles(tarball, bytes, staged.bundle))
  const { name, version } = facts
  return { name, version, kind, ...report, bundle, signatures: bytes.length, replaced: kept.length < lines.length }
}

function factsOf(staged: StagedTarball, tarball: string): StatedFacts {
  const archive = readArchive(staged.bytes, ARCHIVE_BOUNDS)
  const entry = archive.entries.find(({ path }) => path === MANIFEST_FILE)
  if (entry === undefined)
    throw new ManifestError('MANIFEST_MISSING', `cannot sign ${tarball}: it has no ${MANIFEST_FILE}`)
  const bytes = fileBytesOf(archive, entry)
  const { name, version } = parseManifest(bytes, `${MANIFEST_FILE} of ${tarball}`)
  return {
    name,
    version,
    sha256: staged.sha256,
    sha512: staged.sha512,
    manifestDigest: sha256(bytes),
    files: signedFilesOf(archive),
  }
}

function payloadFor(
  kind: SignedKind,
  facts: StatedFacts,
  others: readonly SignatureLine[],
  options: SignOptions,
  now: Date,
): Buffer {
  const agreed = agreedPayload(others, facts)
  if (kind === 'countersignature') {
    if (agreed === null) {
      throw new VerificationError(
        'UNSIGNED',
        `cannot countersign ${facts.name} ${facts.version}: nobody signed it yet`,
        {
          hint: 'the publisher signs first: plugins sign TARBALL --key KEY',
        },
      )
    }
    const { name, version, sha256, sha512 } = facts
    const note = options.countersign?.note ?? null
    return buildCountersignature({ name, version, sha256, sha512, reviewedAt: now.toISOString(), note })
  }
  if (agreed !== null) {
    const chosen = options.sequence === undefined ? options.expiresAt && '--expires' : '--sequence'
    if (chosen === undefined) return agreed
    throw new UsageError('USAGE', `cannot use ${chosen}: a further signer signs what the first has stated`)
  }
  return buildStatement({
    ...facts,
    // Seconds since 1970 count up by themselves; a publisher with a counter of their own names it.
    sequence: options.sequence ?? Math.floor(now.getTime() / 1000),
    publishedAt: now.toISOString(),
    expiresAt: options.expiresAt ?? null,
  })
}

function assertFirst(lines: readonly SignatureLine[], kind: SignedKind, signer: string, options: SignOptions): void {
  if (options.replace === true || !lines.some((line) => line.says.kind === kind && line.signer === signer)) return
  throw new PluginError('ALREADY_SIGNED', `cannot sign the tarball again: ${signer} has signed it already`, {
    hint: '--force replaces that signature, and no other',
  })
}

/** Two who sign at once: the second waits, and is then told that the file is another one. */
async function locked<T>(tarball: string, work: () => T): Promise<T> {
  try {
    return await withFileLock(`${tarball}.sigstore`, work)
  } catch (error) {
    if (error instanceof PluginError) throw error
    const reason = (error as Error).message
    throw new PluginError('DISK_FAILED', `cannot write the bundle of ${tarball}: ${reason}`, { cause: error })
  }
}
