import { ERROR_CODES, type ErrorCode } from './error-codes.ts'

/** What an error can say beyond its sentence. `details` goes into `--json`, never into the sentence. */
export interface ErrorExtras {
  readonly hint?: string
  readonly cause?: unknown
  readonly details?: Readonly<Record<string, unknown>>
}

/**
 * Every failure that Bulkhead reports. `code` is stable and for programs; `message` is one sentence for people and
 * begins with "cannot"; `hint` is the way out, when we know it.
 */
export class PluginError extends Error {
  override readonly name: string = 'PluginError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, extras: ErrorExtras = {}) {
    super(message, extras.cause === undefined ? undefined : { cause: extras.cause })
    this.code = code
    this.hint = extras.hint
    this.details = extras.details ?? {}
  }

  /** DESIGN §6: what the process exits with when nobody handles this. */
  get exitCode(): number {
    return ERROR_CODES[this.code].exitCode
  }

  /** DESIGN §6: `{"code","message","hint"}`, and `details` where there are any. */
  toJSON(): Readonly<Record<string, unknown>> {
    const { code, message, hint = null, details } = this
    return { code, message, hint, ...(Object.keys(details).length === 0 ? {} : { details }) }
  }
}

export class UsageError extends PluginError {
  override readonly name = 'UsageError'
}
export class ManifestError extends PluginError {
  override readonly name = 'ManifestError'
}
export class FetchError extends PluginError {
  override readonly name = 'FetchError'
}
export class RegistryError extends PluginError {
  override readonly name = 'RegistryError'
}
export class VerificationError extends PluginError {
  override readonly name = 'VerificationError'
}
export class ArchiveError extends PluginError {
  override readonly name = 'ArchiveError'
}
export class StoreError extends PluginError {
  override readonly name = 'StoreError'
}
export class IsolationError extends PluginError {
  override readonly name = 'IsolationError'
}
export class ResourceLimitError extends PluginError {
  override readonly name = 'ResourceLimitError'
}
export class TimeoutError extends PluginError {
  override readonly name = 'TimeoutError'
}
/** A plugin that speaks, or should speak, the go-plugin protocol. */
export class GoPluginError extends PluginError {
  override readonly name = 'GoPluginError'
}
