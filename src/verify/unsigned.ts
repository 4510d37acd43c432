import type { Archive, StagedTarball } from '../core/archive.ts'
import { UsageError, VerificationError } from '../core/errors.ts'
import { MANIFEST_FILE, type Manifest } from '../core/manifest.ts'
import type { PluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import { parseDuration } from '../core/quantity.ts'
import type { ReleaseStatement } from '../core/statement.ts'
import type { CheckLog } from './check-log.ts'
import { assertNoDowngrade } from './downgrade.ts'
import { assertNotRevoked } from './judgement.ts'
import type { TrustPolicy } from './policy.ts'
import { manifestIn, observedStatement } from './release-checks.ts'
import { parseUtcTime } from './utc-time.ts'
import type { VerifierParts } from './verifier.ts'

/** One plugin that may come in without a signature, by name, and until when. */
export interface Allowance {
  readonly name: PluginName
  readonly untilMs: number
}

const DAY_MS = 86_400_000
/** Long enough to try something out; what is to stay is signed. */
export const UNSIGNED_MAX_MS = 30 * DAY_MS

/** `7d`, `12h`, `2026-12-24` (its beginning, UTC) or `2026-12-24T18:00:00Z`. @throws UsageError `USAGE` */
export function parseAllowance(name: PluginName, until: string, now: Date): Allowance {
  const days = /^([1-9]\d?)d$/.exec(until)?.[1]
  const duration = days === undefined ? parseDuration(until) : Number(days) * DAY_MS
  const untilMs =
    duration === undefined
      ? parseUtcTime(/^\d{4}-\d\d-\d\d$/.test(until) ? `${until}T00:00:00Z` : until)
      : now.getTime() + duration
  if (untilMs === null) {
    throw new UsageError(
      'USAGE',
      `cannot allow ${name} unsigned until "${printable(until, 40)}": expected a duration such as 7d or 12h, ` +
        'a date such as 2026-12-24, or a time such as 2026-12-24T18:00:00Z',
    )
  }
  assertWithinBounds({ name, untilMs }, now)
  return { name, untilMs }
}

function assertWithinBounds({ name, untilMs }: Allowance, now: Date): void {
  const leftMs = untilMs - now.getTime()
  if (leftMs > 0 && leftMs <= UNSIGNED_MAX_MS) return
  const latest = timeOf(now.getTime() + UNSIGNED_MAX_MS)
  throw new UsageError(
    'USAGE',
    `cannot allow ${name} unsigned until ${timeOf(untilMs)}: expected a time after now (${now.toISOString()}) ` +
      `and within 30 days (${latest})`,
  )
}

/** One that is installed. */
export interface KeptAllowance extends Allowance {
  readonly version: string
}

/** What the verifier seals of a tarball that nobody signed. */
export interface UnsignedRelease {
  readonly statement: ReleaseStatement
  readonly manifest: Manifest
  readonly archive: Archive
}

/**
 * A tarball without a bundle, let in by name: everything that is asked of a signed one and needs no signature. What a
 * publisher would have stated is stated by us, of the very bytes that are here.
 */
export async function examineUnsigned(
  tarball: StagedTarball,
  allowance: Allowance,
  { policy, now, historyOf, readArchive }: VerifierParts,
  allowDowngrade: boolean,
  log: CheckLog,
): Promise<UnsignedRelease> {
  skipSignatures(allowance, log)
  log.enter('policy')
  assertNoRule(policy, allowance.name)
  log.pass(`no rule decides about ${allowance.name}`)

  log.enter('validity')
  assertWithinBounds(allowance, now())
  log.pass(`allowed until ${timeOf(allowance.untilMs)}`)

  log.enter('archive')
  const archive = await readArchive(tarball.bytes)
  log.pass(`${archive.entries.length} entries, each header keeps every rule`)

  log.enter('manifest')
  const observed = await observedStatement(tarball, archive, now())
  // The end stands in the list as well, whose digest is kept apart from it: one of them changed alone is seen.
  const statement = { ...observed, expiresAt: timeOf(allowance.untilMs) }
  const manifest = await manifestIn(archive, statement)
  log.pass(`${MANIFEST_FILE} is that of ${manifest.name} ${manifest.version}`)

  log.enter('subject')
  assertAllowed(statement, allowance)
  log.pass('as allowed by name')

  log.enter('files')
  log.pass(`${statement.files.length} files, recorded as they are`)

  log.enter('revocation')
  await assertNotRevoked(NOBODY, policy, statement)
  log.pass('the release is not revoked')

  log.enter('downgrade')
  log.pass(await assertNoDowngrade(statement, historyOf(statement.name), allowDowngrade))
  return { statement, manifest, archive }
}

/** The same for what is installed, under the policy of today. `recorded` is what was written down at install. */
export async function reexamineUnsigned(
  recorded: ReleaseStatement,
  allowance: KeptAllowance,
  { policy, now }: VerifierParts,
  log: CheckLog,
): Promise<void> {
  const { name, version, untilMs } = allowance
  skipSignatures(allowance, log)
  log.enter('policy')
  assertNoRule(policy, name)
  log.pass(`no rule decides about ${name}`)

  log.enter('subject')
  assertItsOwn(recorded, allowance)
  log.pass(`what was recorded at install is about ${name} ${version}`)

  log.enter('validity')
  assertSameEnd(recorded, allowance)
  assertNotOver(allowance, now())
  log.pass(`allowed until ${timeOf(untilMs)}`)

  log.enter('revocation')
  await assertNotRevoked(NOBODY, policy, recorded)
  log.pass('the release is not revoked')
  log.skip('downgrade', 'matters for new installs only')
  for (const check of ['archive', 'files', 'manifest'] as const) log.skip(check, 'matters for a tarball only')
}

const NOBODY = { signers: [], countersigners: [] } as const

const NEEDS_A_SIGNATURE = [
  'identity',
  'signature',
  'log',
  'timestamp',
  'statement',
  'threshold',
  'countersignature',
  'freshness',
] as const

function skipSignatures({ untilMs }: Allowance, log: CheckLog): void {
  log.skip('bundle', `there is none: allowed unsigned by name, until ${timeOf(untilMs)}`)
  for (const check of NEEDS_A_SIGNATURE) log.skip(check, 'it is unsigned')
  log.skip('integrity', 'nobody signed a digest; files are compared with the list that was recorded at install')
}

/** A rule says that signatures are expected of this name: then a missing one is a finding, and nobody may wave it through. */
function assertNoRule(policy: TrustPolicy, name: PluginName): void {
  const rule = policy.ruleFor(name)
  if (rule === null) return
  throw new VerificationError(
    'UNSIGNED',
    `cannot accept ${name} unsigned: the rule for ${rule.pattern} in trust.json says who must sign it`,
    { hint: `get a signed release; who may sign it: plugins trust list ${name}` },
  )
}

function assertAllowed({ name, version }: ReleaseStatement, allowance: Allowance): void {
  if (name === allowance.name) return
  throw new VerificationError(
    'SUBJECT_MISMATCH',
    `cannot accept this release unsigned: expected ${allowance.name}, as allowed, found ${name} ${version}`,
    { hint: 'an unsigned plugin is allowed by its exact name' },
  )
}

function assertItsOwn(recorded: ReleaseStatement, { name, version }: KeptAllowance): void {
  if (recorded.name === name && recorded.version === version) return
  throw new VerificationError(
    'SUBJECT_MISMATCH',
    `cannot accept this release: expected the file list of ${name} ${version}, found that of ${recorded.name} ${recorded.version}`,
  )
}

function assertSameEnd({ expiresAt }: ReleaseStatement, { name, version, untilMs }: KeptAllowance): void {
  if (expiresAt === timeOf(untilMs)) return
  throw new VerificationError(
    'MODIFIED',
    `cannot trust ${name} ${version}: it was allowed unsigned until ${expiresAt}, and the database says ${timeOf(untilMs)}`,
    { hint: 'somebody changed the database; plugins audit shows what was decided' },
  )
}

function assertNotOver({ name, version, untilMs }: KeptAllowance, now: Date): void {
  if (now.getTime() < untilMs) return
  throw new VerificationError(
    'UNSIGNED',
    `cannot accept ${name} ${version}: it is unsigned, and its time has expired: it was allowed until ` +
      `${timeOf(untilMs)}, and it is ${now.toISOString()}`,
    { hint: `plugins remove ${name} (its data stays), then install it signed, or allow it again` },
  )
}

const timeOf = (ms: number): string => new Date(ms).toISOString()
