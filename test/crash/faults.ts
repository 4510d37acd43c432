import { constants } from 'node:os'
import { dirname } from 'node:path'
import { ERROR_CODES } from '../../src/core/error-codes.ts'
import { aftermathOf, againFaults, type Expected, stateOf } from './aftermath.ts'
import { type Traced, trace } from './boundary.ts'
import { conditionOf } from './condition.ts'
import type { Estate } from './estate.ts'
import { type Moment, told } from './kills.ts'
import { discard } from './scratch.ts'

/** A disk that is full or read-only from one call on, one call that fails, Ctrl-C. */
export type Fault = 'ENOSPC' | 'EROFS' | 'EIO' | 'SIGINT'

const { errno, signals } = constants

export interface Faulted extends Moment {
  readonly code: number | null
}

type Ended = Pick<Traced, 'code' | 'stdout' | 'stderr'>

/**
 * The operation meets the fault at that call. It ends by itself with a sentence; and when the fault is gone, one start-up finds
 * the old state or the new one.
 */
export async function meet(
  estate: Estate,
  expected: Expected,
  fault: Fault,
  at: number,
  again = false,
): Promise<Faulted> {
  const { operation } = expected
  const home = estate.copy(await operation.before(estate))
  const what =
    fault === 'SIGINT'
      ? ({ do: 'signal', at, signal: signals.SIGINT } as const)
      : ({ do: fault === 'EIO' ? 'fail' : 'failing', at, errno: errno[fault] } as const)
  // A program reads the code of an error; of an interruption, whether anything was said.
  const argv = operation.argv(home, estate)
  const { calls, ...ended } = await trace(home, what, fault === 'SIGINT' ? argv : [...argv, '--json'])
  const { code } = ended
  const faults = fault === 'SIGINT' ? interruptFaults(home, expected, ended) : endFaults(ended)
  const found = await aftermathOf(home, expected)
  faults.push(...found.faults)
  // Whoever is told that it was done must find it done, and the other way round.
  if (code === 0 && found.state !== 'done' && operation.code !== 0 && found.state !== 'neither')
    faults.push(`exit 0, and it is not done: ${found.state}`)
  if (again && faults.length === 0) faults.push(...againFaults(home, expected, found.state, estate))
  discard(dirname(home))
  return { at, call: told(calls, at, home), ...found, faults, code }
}

/** A host that fails says so by a code that is listed and a sentence; a report may say of parts of the work that they failed. */
function endFaults({ code, stdout, stderr }: Ended): string[] {
  if (code === 0) return []
  const found = `exit ${code}: ${stdout}${stderr}`
  if (code === null || /\n\s+at .*\(/.test(stderr)) return [found]
  let said: { readonly error?: { readonly code: string; readonly message: string } | null }
  try {
    said = JSON.parse(stdout) as typeof said
  } catch {
    return [`no document: ${found}`]
  }
  if (said.error === undefined || said.error === null) return []
  const isClear = isKnown(said.error.code) && said.error.code !== 'INTERNAL' && said.error.message.startsWith('cannot ')
  return isClear ? [] : [found]
}

/** Undone there and then: nothing is left to a command that comes later. */
function interruptFaults(home: string, expected: Expected, { code, stdout, stderr }: Ended): string[] {
  if (expected.operation.isDeaf === true) return code === null || code === 0 ? [] : [`exit ${code}: ${stderr}`]
  const condition = conditionOf(home)
  const state = stateOf(condition, expected)
  const left = condition.left.filter((line) => !expected.old.left.includes(line))
  const faults = left.map((line) => `left at once: ${line}`)
  const was = expected.operation.code ?? 0
  const isTold = stdout !== ''
  // Before anybody listens and after it was said that it is done, a signal ends the process.
  if (code === 130 || (code === null && !isTold)) {
    return state === 'done' && was === 0 ? [...faults, `exit ${code}, and it is done`] : faults
  }
  if (code === null) return state === 'done' ? faults : [...faults, `it said that it is done: ${stdout}`]
  return code === was ? faults : [...faults, `exit ${code}: ${stderr}`]
}

const isKnown = (code: string): boolean => Object.hasOwn(ERROR_CODES, code)
