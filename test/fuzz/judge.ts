import { PluginError } from '../../src/core/errors.ts'
import type { Target, Trial } from './target.ts'
import { Touched, type watchWrites } from './write-watch.ts'

/** Which promise an input broke. */
export type Oracle = 'exception' | 'code' | 'message' | 'violation' | 'write' | 'memory' | 'time' | 'crash' | 'hang'

export interface Fault {
  readonly oracle: Oracle
  readonly what: string
  /** Equal for inputs that find the same hole: the place it was thrown at, rather than the text. */
  readonly place: string
}

export type Judgement = { readonly kind: 'accepted' | 'refused' } | { readonly kind: 'fault'; readonly fault: Fault }

const MIB = 2 ** 20
const MEMORY_MIB = 48
/** Far beyond what any input takes, also on a busy machine. What never ends is for the parent to see. */
const SLOW_MS = 5000
const MESSAGE_MAX = 64 * 1024
/** C0, DEL and C1: a terminal obeys them. */
const CONTROLS = /\p{Cc}/u

const accepted = { kind: 'accepted' } as const
const refused = { kind: 'refused' } as const
const fault = (oracle: Oracle, what: string, place = oracle as string): Judgement => ({
  kind: 'fault',
  fault: { oracle, what, place },
})

/** Tries one input and asks every oracle. */
export async function judge(
  target: Target,
  trial: Trial,
  input: Buffer,
  writes: ReturnType<typeof watchWrites>,
): Promise<Judgement> {
  const before = used()
  const peak = process.resourceUsage().maxRSS
  const began = performance.now()
  const outcome = await attempt(target, trial, input)
  const ms = performance.now() - began
  const call = writes.taken()
  if (call !== null) return fault('write', `${call} was called`, call)
  if (outcome.kind === 'fault') return outcome
  const growth = Math.max(used() - before, (process.resourceUsage().maxRSS - peak) * 1024)
  const most = (target.memoryMiB ?? MEMORY_MIB) * MIB
  if (growth > most) return fault('memory', `${Math.round(growth / MIB)} MiB more after ${input.length} bytes`)
  if (ms > SLOW_MS) return fault('time', `${Math.round(ms)} ms for ${input.length} bytes`)
  return outcome
}

function used(): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

async function attempt(target: Target, trial: Trial, input: Buffer): Promise<Judgement> {
  try {
    await trial.attempt(input)
    return accepted
  } catch (error) {
    return judgeThrown(target, error)
  }
}

/** What something that was thrown says of the parser that threw it. */
export function judgeThrown({ refuses }: Target, error: unknown): Judgement {
  if (error instanceof Touched) return fault('write', error.message, error.message)
  if (!(error instanceof Error)) return fault('exception', `threw ${String(error)}, which is no Error`)
  if (error.name === 'Violation') return fault('violation', error.message, error.message.replace(/".*?"|\d+/g, ''))
  if (!(error instanceof PluginError)) return fault('exception', String(error.stack), placeOf(error))
  const { code, message, hint = '' } = error
  if (!refuses(code)) {
    const cause = error.cause instanceof Error ? `\n${error.cause.stack}` : ''
    return fault('code', `${code}: ${message}${cause}`, `${code} ${placeOf(error.cause ?? error)}`)
  }
  if (!message.startsWith('cannot ')) return fault('message', `does not begin with "cannot": ${message}`, code)
  if (CONTROLS.test(message) || CONTROLS.test(hint)) {
    return fault('message', `has control characters: ${JSON.stringify(message)}`, `${code} ${placeOf(error)}`)
  }
  if (message.length > MESSAGE_MAX) return fault('message', `has ${message.length} characters`, `${code} length`)
  return refused
}

const placeOf = (error: unknown): string =>
  (error instanceof Error && /^ {4}at (?!new |invalid |malformed )(.*)$/m.exec(error.stack ?? '')?.[1]) || 'nowhere'
