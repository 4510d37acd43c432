import { setTimeout as sleep } from 'node:timers/promises'
import { ERROR_CODES, type ErrorCode } from '../../core/error-codes.ts'
import { CallError, IsolationError, type PluginError } from '../../core/errors.ts'
import { reasonIn } from '../../core/last-words.ts'
import { KILLED, type Outcome } from '../../core/outcome.ts'
import { printable } from '../../core/printable.ts'
import type { Run } from '../launching/launcher.ts'

/** How a run ended, or `null` if it still goes on after so long. One whose launcher was killed has no other outcome to tell than that. */
export async function endedWithin(run: Pick<Run, 'outcome'>, ms: number): Promise<Outcome | null> {
  const bound = new AbortController()
  try {
    const outcome = run.outcome.catch(() => KILLED)
    return await Promise.race([outcome, sleep(ms, null, { signal: bound.signal }).catch(() => null)])
  } finally {
    bound.abort()
  }
}

/** The error for whoever was speaking with a plugin, or about to. `said`: its last lines on stderr. */
export function endedError(
  doing: string,
  outcome: Outcome,
  { said = [], cause }: { readonly said?: readonly string[]; readonly cause?: unknown } = {},
): PluginError {
  if (outcome.outcome === 'refused') return refusedError(outcome)
  const reason = reasonIn(said)
  const words = reason === null ? '' : `; it said: ${reason}`
  return new CallError('PLUGIN_ENDED', `cannot ${doing}: it ${endOf(outcome)}${words}`, {
    details: { outcome, stderr: said },
    ...(cause === undefined ? {} : { cause }),
  })
}

/** The sandbox could not be built: that is no fault of the plugin's. */
function refusedError({ error, reason }: Extract<Outcome, { outcome: 'refused' }>): PluginError {
  const code: ErrorCode = Object.hasOwn(ERROR_CODES, error) ? (error as ErrorCode) : 'LAUNCH_FAILED'
  return new IsolationError(code, reason)
}

function endOf(outcome: Exclude<Outcome, { outcome: 'refused' }>): string {
  switch (outcome.outcome) {
    case 'exited':
      return `exited with ${outcome.code}`
    case 'signalled':
      return `was ended by ${outcome.signal}`
    case 'limited':
      return `met its limit: ${printable(outcome.reason)}`
  }
}
