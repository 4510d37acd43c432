import type { Archive, StagedTarball } from '../core/archive.ts'
import { fileBytesOf } from '../core/archive.ts'
import { type PluginError, VerificationError } from '../core/errors.ts'
import { MANIFEST_FILE, type Manifest } from '../core/manifest.ts'
import type { PluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import type { ReleaseStatement } from '../core/statement.ts'
import type { Check, ReleaseHistory, VerifiedRelease, VerifiedStatement } from '../core/verified.ts'
import { parseBundles } from './bundle.ts'
import { CheckLog, refusalOf } from './check-log.ts'
import { assertNoDowngrade } from './downgrade.ts'
import { preAuthEncoding } from './dsse.ts'
import { verifySignature, verifyThoroughly } from './ed25519.ts'
import type { TrustPolicy } from './policy.ts'
import {
  agreedStatement,
  assertNotRevoked,
  assertThreshold,
  assertWithinValidity,
  type Claim,
  countedClaims,
  findSigners,
} from './signatures.ts'
import { assertSameFiles } from './signed-files.ts'

export interface VerifierParts {
  readonly policy: TrustPolicy
  readonly now: () => Date
  /** From the store: what this host has seen of a plugin. */
  readonly historyOf: (name: PluginName) => ReleaseHistory
  /** Decompresses a tarball and scans every header; throws for anything unusual. Never called for unsigned bytes. */
  readonly readArchive: (tarball: Buffer) => Archive | Promise<Archive>
}

/** What the caller asked for; what is signed must be that. */
export interface Wanted {
  readonly name?: PluginName | undefined
  readonly version?: string | undefined
  readonly allowDowngrade?: boolean | undefined
}

export type Verdict<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: PluginError }

/** A verdict, and how it came about: one row a check, none missing. */
export interface Examination<T> {
  readonly checks: readonly Check[]
  readonly verdict: Verdict<T>
}

/** Decides whether a release is what its trusted signers signed. The only maker of verified values in the house. */
export class Verifier {
  readonly #parts: VerifierParts

  constructor(parts: VerifierParts) {
    this.#parts = parts
  }

  /** Steps 2 to 10 of an install, in the order of DESIGN §4. Never throws: whatever goes wrong is a refusal. */
  async examine(tarball: StagedTarball, wanted: Wanted = {}): Promise<Examination<VerifiedRelease>> {
    const log = new CheckLog()
    try {
      const value = await this.#walk(tarball, wanted, log)
      return { checks: log.rows(), verdict: { ok: true, value } }
    } catch (thrown) {
      const error = refusalOf(thrown, tarball.source)
      log.fail(error)
      return { checks: log.rows(), verdict: { ok: false, error } }
    }
  }

  /** @throws PluginError with the code of the verdict. */
  async verify(tarball: StagedTarball, wanted: Wanted = {}): Promise<VerifiedRelease> {
    return orThrow((await this.examine(tarball, wanted)).verdict)
  }

  /**
   * The same for what is installed, from the bundle that was kept with it and the policy of today: signatures, rule,
   * threshold and revocations. Expired keys and statements block new installs only.
   */
  reexamine(bundle: Buffer, expected: { name: PluginName; version: string }): Examination<VerifiedStatement> {
    const log = new CheckLog()
    try {
      const value = this.#rewalk(bundle, expected, log)
      return { checks: log.rows(), verdict: { ok: true, value } }
    } catch (thrown) {
      const error = refusalOf(thrown, `${expected.name} ${expected.version}`)
      log.fail(error)
      return { checks: log.rows(), verdict: { ok: false, error } }
    }
  }

  /** @throws PluginError with the code of the verdict. */
  reverify(bundle: Buffer, expected: { name: PluginName; version: string }): VerifiedStatement {
    return orThrow(this.reexamine(bundle, expected).verdict)
  }

  async #walk(tarball: StagedTarball, wanted: Wanted, log: CheckLog): Promise<VerifiedRelease> {
    const { now, historyOf, readArchive } = this.#parts
    log.enter('bundle')
    if (tarball.bundle === null) throw unsigned(tarball.source)
    const claims = this.#claims(tarball.bundle, wanted.name, log)

    log.enter('signature')
    for (const claim of claims) {
      const { publicKey, bundle } = claim
      const message = preAuthEncoding(bundle.payloadType, bundle.payload)
      assertValid(await verifyThoroughly(publicKey, message, bundle.signature), claim, tarball.source)
    }
    log.pass(`${plural(claims.length, 'signature')} valid, by two verifiers`)

    const statement = this.#statement(claims, log)
    log.enter('integrity')
    assertDigests(statement, tarball)
    log.pass(`sha256:${statement.sha256} and sha512 as signed`)

    const { counted, signers } = this.#judge(claims, statement, wanted, log)

    log.enter('validity')
    assertWithinValidity(counted, now())
    log.pass('each key is within its validity window')

    log.enter('freshness')
    log.pass(freshness(statement, now()))

    log.enter('downgrade')
    log.pass(await assertNoDowngrade(statement, historyOf(statement.name), wanted.allowDowngrade ?? false))

    // Only now is anything decompressed: until here nobody whom we trust had vouched for these bytes.
    log.enter('archive')
    const archive = await readArchive(tarball.bytes)
    log.pass(`${plural(archive.entries.length, 'entry', 'entries')}, each header keeps every rule`)

    log.enter('files')
    assertSameFiles(statement.files, archive, tarball.source)
    log.pass(`${plural(statement.files.length, 'file')} as signed`)

    log.enter('manifest')
    const manifest = await manifestOf(archive, statement)
    log.pass(`${MANIFEST_FILE} is that of ${manifest.name} ${manifest.version}`)

    const verified = this.#seal(statement, signers, tarball.bundle)
    return { verified, manifest, archive, tarball } as VerifiedRelease
  }

  #rewalk(bundle: Buffer, expected: { name: PluginName; version: string }, log: CheckLog): VerifiedStatement {
    const source = `${expected.name} ${expected.version}`
    log.enter('bundle')
    const claims = this.#claims(bundle, expected.name, log)

    log.enter('signature')
    for (const claim of claims) {
      const message = preAuthEncoding(claim.bundle.payloadType, claim.bundle.payload)
      assertValid(verifySignature(claim.publicKey, message, claim.bundle.signature), claim, source)
    }
    log.pass(`${plural(claims.length, 'signature')} valid`)

    const statement = this.#statement(claims, log)
    log.skip('integrity', 'the tarball is not kept; the installed files are compared with the signed list instead')
    const { signers } = this.#judge(claims, statement, expected, log)
    for (const check of ['validity', 'freshness', 'downgrade'] as const)
      log.skip(check, 'matters for new installs only')
    for (const check of ['archive', 'files', 'manifest'] as const) log.skip(check, 'matters for a tarball only')
    return this.#seal(statement, signers, bundle)
  }

  #claims(bundle: Buffer, name: PluginName | undefined, log: CheckLog): readonly Claim[] {
    const bundles = parseBundles(bundle)
    log.pass(`${plural(bundles.length, 'Sigstore bundle')} in good form`)

    log.enter('identity')
    const claims = findSigners(bundles, this.#parts.policy, name)
    log.pass(`signed by ${claims.map(({ publicKey }) => publicKey.id).join(', ')}`)
    return claims
  }

  #statement(claims: readonly Claim[], log: CheckLog): ReleaseStatement {
    log.enter('statement')
    const statement = agreedStatement(claims)
    log.pass(`${statement.name} ${statement.version}, published at ${statement.publishedAt}`)
    return statement
  }

  /** What holds at every moment of a release's life: rule, subject, threshold, revocations. */
  #judge(claims: readonly Claim[], statement: ReleaseStatement, wanted: Wanted, log: CheckLog) {
    const { policy } = this.#parts
    log.enter('policy')
    const [rule, counted] = countedClaims(claims, policy, statement.name)
    log.pass(`decided by the rule for ${rule.pattern}`)

    log.enter('subject')
    assertSubject(statement, wanted)
    log.pass(wanted.name === undefined ? `no name was asked for; it is ${statement.name}` : 'as asked for')

    log.enter('threshold')
    const signers = assertThreshold(rule, counted, statement.name)
    const principals = new Set(signers.map(({ principal }) => principal))
    log.pass(`${principals.size} of ${plural(rule.threshold, 'needed signer')}`)

    log.enter('revocation')
    assertNotRevoked(counted, policy, statement)
    log.pass('neither a key nor the release is revoked')
    return { counted, signers }
  }

  #seal(statement: ReleaseStatement, signers: VerifiedStatement['signers'], bundle: Buffer): VerifiedStatement {
    const policyDigest: string = this.#parts.policy.digest
    return { statement, signers, bundle, policyDigest } as VerifiedStatement
  }
}

function orThrow<T>(verdict: Verdict<T>): T {
  if (verdict.ok) return verdict.value
  throw verdict.error
}

function unsigned(source: string): VerificationError {
  return new VerificationError(
    'UNSIGNED',
    `cannot trust ${printable(source)}: there is no signature bundle beside it`,
    {
      hint: 'expected TARBALL.sigstore.json; its publisher makes it with: plugins sign TARBALL --key KEY',
    },
  )
}

function assertValid(valid: boolean, { publicKey }: Claim, source: string): void {
  if (valid) return
  throw new VerificationError(
    'SIGNATURE_INVALID',
    `cannot trust ${printable(source)}: its signature is not one that ${publicKey.id} made over these bytes`,
    { hint: 'the bundle was changed or damaged: fetch tarball and bundle again' },
  )
}

function assertDigests(statement: ReleaseStatement, tarball: StagedTarball): void {
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

function assertSubject({ name, version }: ReleaseStatement, wanted: Wanted): void {
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

function freshness({ name, version, expiresAt }: ReleaseStatement, now: Date): string {
  if (expiresAt === null) return 'the statement has no expiry'
  if (now.getTime() < Date.parse(expiresAt)) return `the statement holds until ${expiresAt}`
  throw new VerificationError(
    'STATEMENT_EXPIRED',
    `cannot accept ${name} ${version}: its statement held until ${expiresAt}, and it is ${now.toISOString()}`,
    { hint: 'choose a newer version, or ask the publisher to sign this one again' },
  )
}

async function manifestOf(archive: Archive, statement: ReleaseStatement): Promise<Manifest> {
  // Loaded here: its schema costs more to build than a whole run, and a run checks nothing but digests.
  const { parseManifest } = await import('../core/manifest-parser.ts')
  const entry = archive.entries.find(({ path, type }) => path === MANIFEST_FILE && type === 'file')
  if (entry === undefined)
    throw new VerificationError('VERIFIER_ERROR', `cannot find ${MANIFEST_FILE}, which was compared`)
  const manifest = parseManifest(fileBytesOf(archive, entry))
  if (manifest.name === statement.name && manifest.version === statement.version) return manifest
  throw new VerificationError(
    'SUBJECT_MISMATCH',
    `cannot accept ${statement.name} ${statement.version}: its ${MANIFEST_FILE} says ${manifest.name} ${manifest.version}`,
    { hint: 'the publisher signed a statement for another package; ask for a new one' },
  )
}

const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`
