import { ERROR_CODES, type ErrorCode } from '../../core/error-codes.ts'
import { CallError, IsolationError, type PluginError, ResourceLimitError, TimeoutError } from '../../core/errors.ts'
import { reasonIn } from '../../core/last-words.ts'
import type { Outcome } from '../../core/outcome.ts'

/** How a run ended, as the error of those who still waited for it. `said`: the last lines it wrote to stderr; `null`: nobody here has read them. */
export function endedError(plugin: string, run: string, outcome: Outcome, said: readonly string[] | null): PluginError {
  const hint = `plugins logs ${plugin} --run ${run}`
  const stderr = said ?? []
  const extras = { details: { run, outcome, stderr }, ...(said?.length === 0 ? {} : { hint }) }
  const reason = reasonIn(stderr)
  const words = reason === null ? '' : `; it said: ${reason}`
  switch (outcome.outcome) {
    case 'refused':
      return new IsolationError(codeOf(outcome.error), outcome.reason, extras)
    case 'limited': {
      const isTime = outcome.limit === 'wall-time' || outcome.limit === 'idle'
      // The launcher's reason is a sentence already, with the plugin's name in it.
      return new (isTime ? TimeoutError : ResourceLimitError)('PLUGIN_LIMITED', outcome.reason, extras)
    }
    case 'signalled':
      return new CallError('PLUGIN_ENDED', `cannot go on with ${plugin}: ${outcome.signal} ended it${words}`, extras)
    case 'exited':
      return new CallError(
        'PLUGIN_ENDED',
        `cannot go on with ${plugin}: it exited with ${outcome.code}${words}`,
        extras,
      )
  }
}

/** A launcher of another version may know other codes. */
const codeOf = (text: string): ErrorCode => (Object.hasOwn(ERROR_CODES, text) ? (text as ErrorCode) : 'LAUNCH_FAILED')
