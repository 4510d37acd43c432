import type { ERROR_CODES, ErrorCode } from '../core/error-codes.ts'
import { PluginError, StoreError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import { printable } from '../core/printable.ts'
import type { Host } from './host.ts'

/** Why something is in quarantine, and since when: as the audit trail has it. */
export interface Quarantine {
  readonly sinceMs: number
  readonly code: string | null
  readonly reason: string
}

/** Every refusal there is: exit code 3. */
type Refusal = {
  [code in ErrorCode]: (typeof ERROR_CODES)[code]['exitCode'] extends 3 ? code : never
}[ErrorCode]

/**
 * Whether a refusal is a verdict about what is installed, of trust or of integrity. Everything else that can go wrong (a
 * disk, a busy database, a trust.json or a trusted root that cannot be read, a bug of the verifier) says something about
 * this host, and would put away every plugin at once. A new refusal does not compile until that is decided for it.
 */
const IS_OF_THE_PLUGIN: { readonly [code in Refusal]: boolean } = {
  UNSIGNED: true,
  BUNDLE_MALFORMED: true,
  SIGNATURE_INVALID: true,
  CERTIFICATE_INVALID: true,
  LOG_INVALID: true,
  TIMESTAMP_INVALID: true,
  SIGNER_NOT_TRUSTED: true,
  THRESHOLD_NOT_MET: true,
  COUNTERSIGNATURE_MISSING: true,
  PREDICATE_NOT_ACCEPTED: true,
  KEY_EXPIRED: true,
  KEY_REVOKED: true,
  DIGEST_MISMATCH: true,
  SUBJECT_MISMATCH: true,
  STATEMENT_INVALID: true,
  STATEMENT_EXPIRED: true,
  MODIFIED: true,
  RELEASE_REVOKED: true,
  // Of this host, its policy and its verifier.
  ROOT_INVALID: false,
  POLICY_INVALID: false,
  POLICY_UNSAFE: false,
  METADATA_STALE: false,
  VERIFIER_ERROR: false,
  CLOCK_BEHIND: false,
  AUDIT_BROKEN: false,
  // Of a run, by what it did there.
  GRPC_ADDRESS_REFUSED: false,
  GRPC_MTLS_REFUSED: false,
  // Of what is not installed yet.
  ROTATION_REFUSED: false,
  DOWNGRADE_REFUSED: false,
  VERSION_REPUBLISHED: false,
  RELEASE_TOO_YOUNG: false,
  REGISTRY_MISMATCH: false,
  SCANNER_REFUSED: false,
  SCANNER_FAILED: false,
  ARCHIVE_MALFORMED: false,
  ARCHIVE_UNSAFE: false,
  ARCHIVE_TOO_LARGE: false,
  ARCHIVE_MISMATCH: false,
}

const VERDICTS: ReadonlySet<string> = new Set(
  Object.entries(IS_OF_THE_PLUGIN).flatMap(([code, isOfThePlugin]) => (isOfThePlugin ? [code] : [])),
)

/** A timestamp of nobody whom this host knows is what a trusted root that was taken out leaves behind. */
export const isOfThePlugin = ({ code, details }: PluginError): boolean =>
  VERDICTS.has(code) && !(code === 'TIMESTAMP_INVALID' && details.authority === 'unknown')

/** Somebody has said so, by name. */
export const isRevocation = (error: unknown): error is PluginError =>
  error instanceof PluginError && (error.code === 'KEY_REVOKED' || error.code === 'RELEASE_REVOKED')

export function quarantineOf({ store }: Pick<Host, 'store'>, installation: Installation): Quarantine | null {
  if (installation.state !== 'quarantined') return null
  const event = store.events.latest(installation.name, ['quarantined'])
  const { code, reason } = event?.details ?? {}
  return {
    sinceMs: event?.atMs ?? installation.installedAtMs,
    code: typeof code === 'string' ? code : null,
    reason: typeof reason === 'string' ? reason : 'the audit trail does not say why',
  }
}

/**
 * Puts away what was examined, and that alone: `false` when another command has put it away, replaced or removed it
 * meanwhile. Its data stays, and so does what is running.
 */
export function quarantine({ store }: Pick<Host, 'store'>, installation: Installation, error: PluginError): boolean {
  if (installation.state === 'quarantined') return false
  try {
    // The trail is kept for ever, and a sentence may name many files.
    store.advance(installation, 'quarantined', printable(error.message, 600), error.code)
    return true
  } catch (failure) {
    if (failure instanceof StoreError && failure.code === 'WRONG_STATE') return false
    throw failure
  }
}

/** What every command says that does not touch what is in quarantine. */
export function inQuarantine(verb: string, { name, version }: Installation, quarantined: Quarantine): StoreError {
  const { code, reason } = quarantined
  const since = new Date(quarantined.sinceMs).toISOString()
  return new StoreError(
    'WRONG_STATE',
    `cannot ${verb} ${name} ${version}: it is quarantined since ${since} (${reason})`,
    {
      hint: `plugins enable ${name} verifies it again and lets it run if it is good; or install another version, or plugins remove ${name}`,
      details: { quarantine: { since, code, reason } },
    },
  )
}
