import { statusOf } from '../proc.ts'
import type { LauncherProcess } from './launcher-process.ts'

/** What it has left to do when it was told to end: the last output (1 s), its cgroups (2 s). */
const AFTERWARDS_MS = 4_000

/**
 * For a launcher that was told to end. One that was stopped hears that when it is woken, and takes its tree down in order;
 * what hangs all the same, or is held by a tracer, is killed, and its tree with it.
 */
export function pressToEnd(launcher: LauncherProcess): void {
  launcher.wake()
  const timer = setTimeout(() => launcher.kill(), AFTERWARDS_MS)
  void Promise.race([launcher.gone, launcher.failed]).then(() => clearTimeout(timer))
}

/** Of a pipe whose other end is gone: nobody was there any more, or did not read all that had been written to it. */
export const isUnread = ({ code }: NodeJS.ErrnoException): boolean => code === 'EPIPE' || code === 'ECONNRESET'

/** Does it stand still, by a signal or in the hands of a tracer? */
export function stillness(pid: number): 'stopped' | 'traced' | null {
  const state = /^State:\t(\w)/m.exec(statusOf(pid) ?? '')?.[1]
  return state === 'T' ? 'stopped' : state === 't' ? 'traced' : null
}
