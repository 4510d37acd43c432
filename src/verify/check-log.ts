import type { ErrorCode } from '../core/error-codes.ts'
import { PluginError, VerificationError } from '../core/errors.ts'
import { printable } from '../core/printable.ts'
import type { Check } from '../core/verified.ts'

/** DESIGN §4, install steps 2 to 10, one name each, in the order they are made. */
export const CHECKS = [
  'bundle',
  'identity',
  'signature',
  'log',
  'timestamp',
  'statement',
  'integrity',
  'policy',
  'subject',
  'threshold',
  'countersignature',
  'revocation',
  'validity',
  'freshness',
  'downgrade',
  'archive',
  'files',
  'manifest',
] as const
export type CheckName = (typeof CHECKS)[number]

/** One call to the Sigstore library makes several of the checks; its refusal belongs to the one that refused. */
const CHECK_OF: { readonly [code in ErrorCode]?: CheckName } = {
  CERTIFICATE_INVALID: 'identity',
  ROOT_INVALID: 'identity',
  ROOT_NOT_FOUND: 'identity',
  LOG_INVALID: 'log',
  TIMESTAMP_INVALID: 'timestamp',
}

/** Remembers what passed. The rows it does not hear of are `not-applicable`. */
export class CheckLog {
  readonly #rows = new Map<CheckName, Check>()
  #current: CheckName | null = null

  /** From here on, whatever is thrown is the failure of this check. */
  enter(check: CheckName): void {
    this.#current = check
  }

  pass(detail: string): void {
    if (this.#current === null) return
    this.#rows.set(this.#current, { check: this.#current, result: 'pass', detail, remedy: null })
    this.#current = null
  }

  skip(check: CheckName, detail: string): void {
    this.#rows.set(check, { check, result: 'not-applicable', detail, remedy: null })
  }

  fail(error: PluginError): void {
    const check = CHECK_OF[error.code] ?? this.#current ?? CHECKS.find((name) => !this.#rows.has(name)) ?? 'manifest'
    this.#rows.set(check, { check, result: 'fail', detail: error.message, remedy: error.hint ?? null })
    this.#current = null
    for (const name of CHECKS) {
      if (!this.#rows.has(name)) this.skip(name, `not looked at, since ${check} failed`)
    }
  }

  rows(): readonly Check[] {
    return CHECKS.flatMap((name) => this.#rows.get(name) ?? [])
  }
}

/** An exception that nobody planned is a refusal of its own: never a pass, and never taken for "unsigned". */
export function refusalOf(thrown: unknown, source: string): PluginError {
  if (thrown instanceof PluginError && thrown.code !== 'INTERNAL') return thrown
  const reason = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)
  return new VerificationError(
    'VERIFIER_ERROR',
    `cannot verify ${printable(source)}: the verifier itself failed (${printable(reason, 200)})`,
    { hint: 'this is a bug, not a verdict about the release; please report it', cause: thrown },
  )
}
