import type { ServiceError } from '@grpc/grpc-js'
import { CallError, type PluginError, TimeoutError, UsageError } from '../../core/errors.ts'
import { assertKnownOptions, assertSignal, type OptionNames } from '../../core/known-options.ts'
import type { CallOptions } from '../channel/calls.ts'

const CALL_OPTIONS: OptionNames<CallOptions> = { timeoutMs: true, signal: true }
const CALL_MS = 30_000
/** As long as Node's timers go. */
const LONGEST_MS = 2 ** 31 - 1

/** Ends with its answer, its time or its signal; what was given up is cancelled, which the plugin is told. @throws ServiceError */
export async function oneCall<T>(
  plugin: string,
  start: (done: (error: ServiceError | null, response?: T) => void) => unknown,
  options: CallOptions,
): Promise<T> {
  const cannot = `cannot call ${plugin}`
  assertKnownOptions(options, CALL_OPTIONS, cannot)
  const { timeoutMs = CALL_MS, signal } = options
  assertSignal(signal, cannot)
  if (!(typeof timeoutMs === 'number' && timeoutMs >= 0))
    throw new UsageError('USAGE', `${cannot} for ${timeoutMs} ms: expected 0 and more`)
  if (typeof start !== 'function')
    throw new UsageError('USAGE', `${cannot}: expected a function that makes the call, found ${typeof start}`)
  const cancelled = () =>
    new CallError('CALL_CANCELLED', `cannot go on with a call of ${plugin}: it was cancelled`, {
      cause: signal?.reason,
    })
  if (signal?.aborted) throw cancelled()
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const call = start((error, response) => (error === null ? resolve(response as T) : reject(error)))
  const giveUp = (error: PluginError): void => {
    reject(error)
    const { cancel } = (call ?? {}) as { cancel?: unknown }
    if (typeof cancel === 'function') cancel.call(call)
  }
  const late = () =>
    giveUp(new TimeoutError('CALL_TIMEOUT', `cannot wait any longer for ${plugin}: no answer in ${timeoutMs} ms`))
  const timer = timeoutMs > 0 ? setTimeout(late, Math.min(timeoutMs, LONGEST_MS)) : undefined
  const onAbort = () => giveUp(cancelled())
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}
