import { PluginError } from './errors.ts'

/** What a change ends with that somebody stopped: thrown where everything it began can still be undone. */
export function interrupted(what: string, cause?: unknown): PluginError {
  return new PluginError('INTERRUPTED', `cannot go on with ${what}: it was interrupted; nothing was changed`, { cause })
}

/**
 * Between two steps of a change, so that Ctrl-C stops it there.
 *
 * @throws PluginError INTERRUPTED
 */
export function assertNotInterrupted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted === true) throw interrupted(what)
}
