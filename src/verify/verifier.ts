import type { Archive, StagedTarball } from '../core/archive.ts'
import type { PluginError } from '../core/errors.ts'
import { MANIFEST_FILE } from '../core/manifest.ts'
import type { PluginName } from '../core/name.ts'
import type { ReleaseStatement } from '../core/statement.ts'
import type { Check, Evidence, ReleaseHistory, VerifiedRelease, VerifiedStatement } from '../core/verified.ts'
import { parseBundles } from './bundle.ts'
import { CheckLog, refusalOf } from './check-log.ts'
import { findSigners, idsOf, type Proof, prove, type Witness, witnessOf } from './claims.ts'
import { assertNoDowngrade } from './downgrade.ts'
import {
  assertCountersigned,
  assertNotRevoked,
  assertThreshold,
  assertWithinValidity,
  type Counted,
  countedBy,
  lastSeenAtMs,
  predicatesOf,
  signersOf,
} from './judgement.ts'
import type { TrustPolicy } from './policy.ts'
import { recordFiles } from './recorded-files.ts'
import { agreedStatement, assertAbout, assertNamed, unlisted } from './release.ts'
import { assertDigests, assertSubject, freshness, manifestIn, observedStatement, unsigned } from './release-checks.ts'
import type { Roots } from './roots.ts'
import { assertSameFiles } from './signed-files.ts'
import { type Allowance, examineUnsigned, type KeptAllowance, reexamineUnsigned } from './unsigned.ts'

export interface VerifierParts {
  readonly policy: TrustPolicy
  readonly roots: Roots
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

/** What is installed, and what this host wrote down of it where its signers' statements say less. */
export interface Kept {
  readonly name: PluginName
  readonly version: string
  /** Written at install for releases that only other tools made statements of; else `null`. */
  readonly recorded?: ReleaseStatement | null
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
  examine(tarball: StagedTarball, wanted: Wanted = {}): Promise<Examination<VerifiedRelease>> {
    return examined(tarball.source, (log) => this.#walk(tarball, wanted, log))
  }

  /** The same for a tarball without a bundle, let in by name. Whatever bundle is there decides, whoever allowed what. */
  examineUnsigned(
    tarball: StagedTarball,
    allowance: Allowance,
    wanted: Wanted = {},
  ): Promise<Examination<VerifiedRelease>> {
    if (tarball.bundle !== null) return this.examine(tarball, { ...wanted, name: allowance.name })
    return examined(tarball.source, async (log) => {
      const found = await examineUnsigned(tarball, allowance, this.#parts, wanted.allowDowngrade ?? false, log)
      const { statement, manifest, archive } = found
      const verified = this.#seal(statement, NOBODY, null, true, { untilMs: allowance.untilMs })
      return { verified, manifest, archive, tarball, recorded: recordFiles(statement) } as VerifiedRelease
    })
  }

  /** And for one that is installed, from what was written down then. */
  reexamineUnsigned(recorded: ReleaseStatement, allowance: KeptAllowance): Promise<Examination<VerifiedStatement>> {
    return examined(`${allowance.name} ${allowance.version}`, async (log) => {
      await reexamineUnsigned(recorded, allowance, this.#parts, log)
      return this.#seal(recorded, NOBODY, null, true, { untilMs: allowance.untilMs })
    })
  }

  /** @throws PluginError with the code of the verdict. */
  async verify(tarball: StagedTarball, wanted: Wanted = {}): Promise<VerifiedRelease> {
    return orThrow((await this.examine(tarball, wanted)).verdict)
  }

  /**
   * The same for what is installed, from the bundle that was kept with it and the policy of today: signatures, rule,
   * threshold and revocations. Expired keys and statements block new installs only. `thorough`: by two verifiers.
   */
  reexamine(bundle: Buffer, kept: Kept, { thorough = true } = {}): Promise<Examination<VerifiedStatement>> {
    return examined(`${kept.name} ${kept.version}`, (log) => this.#rewalk(bundle, kept, thorough, log))
  }

  /** What a run asks: as quickly as can be. @throws PluginError with the code of the verdict. */
  async reverify(bundle: Buffer, kept: Kept): Promise<VerifiedStatement> {
    return orThrow((await this.reexamine(bundle, kept, { thorough: false })).verdict)
  }

  async #walk(tarball: StagedTarball, wanted: Wanted, log: CheckLog): Promise<VerifiedRelease> {
    const { now, historyOf } = this.#parts
    log.enter('bundle')
    if (tarball.bundle === null) throw unsigned(tarball.source)
    const witnesses = await this.#witnesses(
      tarball.bundle,
      wanted.name,
      { source: tarball.source, thorough: true },
      log,
    )
    const stated = agreedStatement(witnesses)
    log.pass(stated === null ? `statements of other tools, which list no files` : sentenceAbout(stated))

    log.enter('integrity')
    if (stated !== null) assertDigests(stated, tarball)
    assertAbout(witnesses, tarball)
    log.pass(`sha256:${tarball.sha256} and sha512 as signed`)

    // A name that nobody signed can only be read from the tarball itself: from bytes that a known signer vouched for.
    const early = stated === null ? await this.#archive(tarball, log) : null
    const statement = stated ?? (await observedStatement(tarball, early as Archive, now()))
    const counted = await this.#judge(witnesses, statement, wanted, log)

    log.enter('validity')
    assertWithinValidity(counted, now())
    log.pass('each key and identity is within its validity window')

    log.enter('freshness')
    log.pass(freshness(statement, now()))

    log.enter('downgrade')
    log.pass(await assertNoDowngrade(statement, historyOf(statement.name), wanted.allowDowngrade ?? false))

    // Only now is anything decompressed: until here nobody whom we trust had vouched for these bytes.
    const archive = early ?? (await this.#archive(tarball, log))

    log.enter('files')
    assertSameFiles(statement.files, archive, tarball.source)
    log.pass(files(statement, stated === null))

    log.enter('manifest')
    const manifest = await manifestIn(archive, statement)
    log.pass(`${MANIFEST_FILE} is that of ${manifest.name} ${manifest.version}`)

    const verified = this.#seal(statement, counted, tarball.bundle, stated === null)
    const recorded = stated === null ? recordFiles(statement) : null
    return { verified, manifest, archive, tarball, recorded } as VerifiedRelease
  }

  async #rewalk(bundle: Buffer, kept: Kept, thorough: boolean, log: CheckLog): Promise<VerifiedStatement> {
    const source = `${kept.name} ${kept.version}`
    log.enter('bundle')
    const witnesses = await this.#witnesses(bundle, kept.name, { source, thorough }, log)
    const stated = agreedStatement(witnesses)
    const statement = stated ?? kept.recorded ?? null
    if (statement === null) throw unlisted(source)
    log.pass(
      stated === null ? 'statements of other tools; the files are those listed at install' : sentenceAbout(stated),
    )

    log.enter('integrity')
    assertAbout(witnesses, { ...statement, source })
    log.skip('integrity', 'the tarball is not kept; the installed files are compared with the list instead')
    const counted = await this.#judge(witnesses, statement, kept, log)
    for (const check of ['validity', 'freshness', 'downgrade'] as const)
      log.skip(check, 'matters for new installs only')
    for (const check of ['archive', 'files', 'manifest'] as const) log.skip(check, 'matters for a tarball only')
    return this.#seal(statement, counted, bundle, stated === null)
  }

  /** Steps 2 to 5: who has signed, that they have, and what. */
  async #witnesses(
    bundle: Buffer,
    name: PluginName | undefined,
    how: { readonly source: string; readonly thorough: boolean },
    log: CheckLog,
  ): Promise<readonly Witness[]> {
    const { policy, roots } = this.#parts
    const bundles = parseBundles(bundle)
    log.pass(`${plural(bundles.length, 'Sigstore bundle')} in good form`)

    log.enter('identity')
    const claims = await findSigners(bundles, policy, name)
    log.pass(`signed by ${claims.map(({ signer }) => signer.id).join(', ')}`)

    log.enter('signature')
    const proofs: Proof[] = []
    for (const claim of claims) {
      proofs.push(await prove(claim, { ...how, roots, asksWhen: (one) => policy.asksWhen(idsOf(one)) }))
    }
    log.pass(
      `${plural(proofs.length, 'signature')} valid${how.thorough ? ', by two verifiers where made by a key' : ''}`,
    )
    logEvidence(proofs, log)

    log.enter('statement')
    return proofs.map(witnessOf)
  }

  /** What holds at every moment of a release's life: rule, subject, threshold, countersignatures, revocations. */
  async #judge(
    witnesses: readonly Witness[],
    statement: ReleaseStatement,
    wanted: Wanted,
    log: CheckLog,
  ): Promise<Counted> {
    const { policy } = this.#parts
    log.enter('policy')
    const counted = countedBy(policy, witnesses, statement.name)
    log.pass(`decided by the rule for ${counted.rule.pattern}`)

    log.enter('subject')
    assertSubject(statement, wanted)
    assertNamed(witnesses, statement)
    log.pass(wanted.name === undefined ? `no name was asked for; it is ${statement.name}` : 'as asked for')

    log.enter('threshold')
    log.pass(assertThreshold(counted, statement.name))

    log.enter('countersignature')
    const countersigned = assertCountersigned(counted, statement.name)
    if (countersigned === null) log.skip('countersignature', `the rule for ${counted.rule.pattern} asks for none`)
    else log.pass(countersigned)

    log.enter('revocation')
    log.pass(await assertNotRevoked(counted, policy, statement))
    return counted
  }

  async #archive(tarball: StagedTarball, log: CheckLog): Promise<Archive> {
    log.enter('archive')
    const archive = await this.#parts.readArchive(tarball.bytes)
    log.pass(`${plural(archive.entries.length, 'entry', 'entries')}, each header keeps every rule`)
    return archive
  }

  #seal(
    statement: ReleaseStatement,
    counted: Pick<Counted, 'signers' | 'countersigners'>,
    bundle: Buffer | null,
    isRecorded: boolean,
    unsigned: VerifiedStatement['unsigned'] = null,
  ): VerifiedStatement {
    const { policy } = this.#parts
    const asked = [...counted.signers, ...counted.countersigners].flatMap(({ roots }) => roots)
    const evidence: Evidence = {
      policy: { digest: policy.digest, bytes: policy.bytes },
      roots: [...new Map(asked.map((root) => [root.digest, root])).values()],
    }
    return {
      statement,
      signers: signersOf(counted.signers),
      countersigners: signersOf(counted.countersigners),
      fileList: isRecorded ? 'recorded' : 'signed',
      predicates: predicatesOf(counted.signers),
      seenAtMs: lastSeenAtMs(counted.signers),
      bundle,
      unsigned,
      policyDigest: policy.digest as string,
      evidence,
    } as VerifiedStatement
  }
}

const NOBODY = { signers: [], countersigners: [] } as const

async function examined<T>(source: string, walk: (log: CheckLog) => Promise<T>): Promise<Examination<T>> {
  const log = new CheckLog()
  try {
    const value = await walk(log)
    return { checks: log.rows(), verdict: { ok: true, value } }
  } catch (thrown) {
    const error = refusalOf(thrown, source)
    log.fail(error)
    return { checks: log.rows(), verdict: { ok: false, error } }
  }
}

/** @throws PluginError with the code of the verdict. */
export function orThrow<T>(verdict: Verdict<T>): T {
  if (verdict.ok) return verdict.value
  throw verdict.error
}

/** What third parties say: transparency logs and timestamp authorities. */
function logEvidence(proofs: readonly Proof[], log: CheckLog): void {
  const logs = proofs.flatMap((proof) => proof.log ?? [])
  const times = proofs.flatMap((proof) => proof.times)
  if (logs.length === 0) log.skip('log', 'a key needs no transparency log')
  else {
    log.enter('log')
    log.pass(logs.join('; '))
  }
  if (times.length === 0) log.skip('timestamp', 'no trusted timestamp, or none that anything hangs on')
  else {
    log.enter('timestamp')
    log.pass(times.map(({ atMs, source }) => `${new Date(atMs).toISOString()} by ${source}`).join('; '))
  }
}

const sentenceAbout = ({ name, version, publishedAt }: ReleaseStatement): string =>
  `${name} ${version}, published at ${publishedAt}`

const files = ({ files }: ReleaseStatement, isRecorded: boolean): string =>
  isRecorded
    ? `${plural(files.length, 'file')}, not listed by the signers: recorded by this host`
    : `${plural(files.length, 'file')} as signed`

const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`
