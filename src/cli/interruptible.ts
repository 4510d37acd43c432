import { interrupted } from '../index.ts'
import type { Io } from './io.ts'

/**
 * Work that changes something. At the first Ctrl-C or request to end its signal is aborted, and it undoes what it began and
 * throws INTERRUPTED; the second one ends the process at once, and the next command finishes the undoing.
 */
export async function interruptible<T>(io: Io, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { signal, release } = io.interrupts?.() ?? { signal: new AbortController().signal, release: () => {} }
  // Below what the terminal shows for Ctrl-C.
  const fresh = io.status === undefined ? '' : '\n'
  const say = () => io.stderr(`${fresh}interrupted: undoing what was begun; once more ends it at once\n`)
  signal.addEventListener('abort', say)
  try {
    const done = await work(signal)
    if (signal.aborted) io.stderr('it was done already: nothing was undone\n')
    return done
  } catch (error) {
    if (signal.aborted && isAbort(error, signal)) throw interrupted('this', error)
    throw error
  } finally {
    signal.removeEventListener('abort', say)
    release()
  }
}

/** Of Node itself, from where a signal was handed on to it: an AbortError, or the reason as it is. */
const isAbort = (error: unknown, signal: AbortSignal): boolean =>
  error === signal.reason || (error instanceof Error && error.name === 'AbortError')
