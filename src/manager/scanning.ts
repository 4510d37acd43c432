import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileBytesOf } from '../core/archive.ts'
import type { ScannerConfig } from '../core/config.ts'
import { PluginError, StoreError, VerificationError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import { packageOf } from '../core/layout.ts'
import { MANIFEST_FILE, type Manifest } from '../core/manifest.ts'
import { patternsFor } from '../core/name-pattern.ts'
import { printable } from '../core/printable.ts'
import { judgeScan, type ScanVerdict } from '../core/scan-verdict.ts'
import type { VerifiedRelease } from '../core/verified.ts'
import type { Judged, UnpackedTree } from '../store/index.ts'
import { assertSafePath, orThrow } from '../verify/index.ts'
import { assertSameRelease, reexamine, sentenceOf } from './clearance.ts'
import { recordedIn } from './damage.ts'
import type { Host } from './host.ts'
import { isSameTrust } from './roots.ts'

/** A release in staging, as a scanner is shown it. */
interface Shown extends Judged {
  readonly manifest: Pick<Manifest, 'name' | 'version'>
  /** `plugin.json` as its author wrote it, not as we read it; it was parsed strictly when it was verified. */
  readonly written: unknown
  /** What it is not done with when a scanner refuses it. */
  readonly verb: 'install' | 'roll back to'
}

/**
 * The operator's own scanners look at a release in staging, one after the other; the first that does not accept it ends
 * the install. Then the tree must still be the signed one: a scanner works as the owner of the home, and so does whatever
 * a hostile file makes of it.
 *
 * @throws VerificationError `SCANNER_REFUSED`, `SCANNER_FAILED`, `MODIFIED`
 * @throws StoreError `STORE_BUSY` when the trust policy or a root has changed meanwhile, and the release must be verified again
 */
export async function scan(host: Host, release: VerifiedRelease, tree: UnpackedTree): Promise<void> {
  if (isScanned(host, release)) await show(host, { ...release, written: writtenIn(release), verb: 'install' }, tree)
}

async function show(host: Host, release: Shown, tree: UnpackedTree): Promise<void> {
  for (const scanner of scannersOf(host, release)) await ask(host, scanner, release, tree)
  await assertUntouched(host, release, tree)
  if (await isSameTrust(host, release.verified)) return
  throw new StoreError(
    'STORE_BUSY',
    `cannot ${release.verb} ${titleOf(release)}: whom this host trusts was changed while it was scanned`,
    {
      hint: 'try again',
    },
  )
}

/**
 * The same for a release whose tree is here from before: its scanners may know more today, or have not been there then. They
 * are shown one of its own, since the files of that tree may be those of other versions too.
 */
export async function scanAgain(host: Host, release: VerifiedRelease): Promise<void> {
  if (!isScanned(host, release)) return
  const tree = await host.trees.unpack(release, { mayLink: false })
  try {
    await scan(host, release, tree)
  } finally {
    await host.trees.discard(tree)
  }
}

/**
 * The same for a version that is kept and is gone back to, of which there is no tarball: they are shown a copy of what is
 * here, as it was signed.
 */
export async function scanKept(host: Host, kept: Installation): Promise<void> {
  if (!isScanned(host, { manifest: kept })) return
  const { name, version, digest } = kept
  const path = host.layout.release(name, version, digest)
  const verified = orThrow((await reexamine(host, path, kept, { thorough: true })).verdict)
  assertSameRelease(kept, verified)
  const judged: Judged = { verified, recorded: recordedIn(path, kept) }
  const own = [{ name, version, digest, files: verified.statement.files }]
  const tree = await host.trees.restore(judged, own, { mayLink: false })
  try {
    const written = JSON.parse(readFileSync(join(tree.packageDir, MANIFEST_FILE), 'utf8')) as unknown
    await show(host, { ...judged, manifest: kept, written, verb: 'roll back to' }, tree)
  } finally {
    await host.trees.discard(tree)
  }
}

/** Is somebody let at it before it is moved into place? */
export const isScanned = (host: Host, release: Pick<Shown, 'manifest'>): boolean => scannersOf(host, release).length > 0

function scannersOf({ config }: Host, { manifest }: Pick<Shown, 'manifest'>): ScannerConfig[] {
  const patterns = new Set<string>(patternsFor(manifest.name))
  return config.scanners.filter(({ plugins }) => plugins.some((pattern) => patterns.has(pattern)))
}

async function ask(host: Host, scanner: ScannerConfig, release: Shown, tree: UnpackedTree): Promise<void> {
  const { runScanner } = await import('../runtime/scanner.ts')
  const danger = dangerOf(host, scanner)
  const { end, stderr, wallMs } =
    danger === null
      ? await runScanner(requestOf(scanner, release, tree))
      : { end: { kind: 'not-started', reason: danger } as const, stderr: '', wallMs: 0 }
  const found = judgeScan(end, scanner.timeoutMs)
  const { version, sha256 } = release.verified.statement
  host.store.note('scanned', release.manifest.name, { version, sha256, scanner: scanner.name, ...found, wallMs })
  if (found.verdict !== 'pass') throw refusalOf(scanner, release, found, stderr)
}

/** Whoever could change the program would decide what is installed here, and act as the owner of the home. */
function dangerOf({ caller }: Host, { command: [program] }: ScannerConfig): string | null {
  try {
    return assertSafePath(program, caller.uid) ? null : `there is no ${program}`
  } catch (error) {
    if (error instanceof PluginError) return error.message
    throw error
  }
}

function writtenIn({ archive, manifest }: VerifiedRelease): unknown {
  const entry = archive.entries.find((file) => file.path === MANIFEST_FILE)
  return entry === undefined ? manifest : (JSON.parse(fileBytesOf(archive, entry).toString('utf8')) as unknown)
}

function requestOf({ command, timeoutMs }: ScannerConfig, { verified, written }: Shown, tree: UnpackedTree) {
  const { name, version, sha256 } = verified.statement
  const path = packageOf(tree.path)
  const asked = {
    name,
    version,
    sha256,
    path,
    manifest: written,
    signers: verified.signers.map(({ id }) => id),
  }
  return {
    command,
    timeoutMs,
    input: `${JSON.stringify(asked)}\n`,
    env: {
      BULKHEAD_PLUGIN_NAME: name,
      BULKHEAD_PLUGIN_VERSION: version,
      BULKHEAD_PLUGIN_SHA256: sha256,
      BULKHEAD_PLUGIN_PATH: path,
    },
  }
}

function refusalOf(
  { name }: ScannerConfig,
  release: Shown,
  { verdict, reason, findings, findingsCount }: ScanVerdict,
  stderr: string,
): VerificationError {
  const last = printable(stderr.trim().split('\n').at(-1) ?? '', 200)
  const details = { scanner: name, findings, findingsCount }
  if (verdict === 'refuse') {
    const why = reason ?? (last === '' ? 'it gave no reason' : last)
    return new VerificationError(
      'SCANNER_REFUSED',
      `cannot ${release.verb} ${titleOf(release)}: the scanner ${name} refused it (${why})`,
      { hint: `what it found: plugins audit ${release.manifest.name} --json`, details },
    )
  }
  return new VerificationError(
    'SCANNER_FAILED',
    `cannot ${release.verb} ${titleOf(release)}: the scanner ${name} gave no verdict: ${reason}${last === '' ? '' : ` (${last})`}`,
    { hint: 'a scanner that fails refuses: correct it, or its entry in config.json', details },
  )
}

async function assertUntouched(host: Host, release: Shown, tree: UnpackedTree): Promise<void> {
  const found = await host.trees.recheck(tree, release)
  const differences = sentenceOf(found)
  if (differences === null) return
  throw new VerificationError(
    'MODIFIED',
    `cannot ${release.verb} ${titleOf(release)}: after it was scanned its files are not those that were signed (${differences})`,
    { hint: 'a scanner must leave what it looks at as it is', details: { ...found } },
  )
}

const titleOf = ({ manifest: { name, version } }: Shown): string => `${name} ${version}`
