/** DESIGN §6: limits that end a run. */
export const ENDING_LIMITS = ['memory', 'wall-time', 'idle', 'output', 'file-size', 'processes'] as const
export type EndingLimit = (typeof ENDING_LIMITS)[number]

export interface Usage {
  readonly wallMs: number
  /** `null` where the kernel gave no figure. */
  readonly cpuMs: number | null
  readonly memoryPeakBytes: number | null
  readonly processesPeak: number | null
  readonly ioReadBytes: number | null
  readonly ioWriteBytes: number | null
  /** stdout and stderr together, as far as they were passed on. */
  readonly outputBytes: number | null
  /** In use on /tmp and /data when the run ended. */
  readonly tmpBytes: number | null
  readonly dataBytes: number | null
  /** Largest number of open files that one process was seen with. */
  readonly filesPeak: number | null
  /** Through the relay, both ways together. */
  readonly networkBytes: number | null
}

export interface Ended {
  /** Names of limits that made a call fail or throttled, without ending the run. */
  readonly limitsMet: readonly string[]
  /** Layers that this run was started without, by name. */
  readonly weaker: readonly string[]
  readonly usage: Usage
}

/**
 * How a run ended. `exited` and `signalled` are the plugin's own doing; `limited`: Bulkhead or the kernel ended it;
 * `refused`: it never ran, and `error` is the code of the reason.
 */
export type Outcome = Ended &
  (
    | {
        readonly outcome: 'exited'
        readonly code: number
        readonly signal: null
        readonly limit: null
        readonly reason: null
        readonly error: null
      }
    | {
        readonly outcome: 'signalled'
        readonly code: null
        readonly signal: string
        readonly limit: null
        readonly reason: null
        readonly error: null
      }
    | {
        readonly outcome: 'limited'
        readonly code: null
        readonly signal: string | null
        readonly limit: EndingLimit
        readonly reason: string
        readonly error: null
      }
    | {
        readonly outcome: 'refused'
        readonly code: null
        readonly signal: null
        readonly limit: null
        readonly reason: string
        readonly error: string
      }
  )

export const NO_USAGE: Usage = {
  wallMs: 0,
  cpuMs: null,
  memoryPeakBytes: null,
  processesPeak: null,
  ioReadBytes: null,
  ioWriteBytes: null,
  outputBytes: null,
  tmpBytes: null,
  dataBytes: null,
  filesPeak: null,
  networkBytes: null,
}

/** The launcher is gone, and so is its report: all that can be said is that it was killed. */
export const KILLED: Outcome = {
  outcome: 'signalled',
  code: null,
  signal: 'SIGKILL',
  limit: null,
  reason: null,
  error: null,
  limitsMet: [],
  weaker: [],
  usage: NO_USAGE,
}

export function refusal(error: string, reason: string): Outcome {
  return {
    outcome: 'refused',
    code: null,
    signal: null,
    limit: null,
    reason,
    error,
    limitsMet: [],
    weaker: [],
    usage: NO_USAGE,
  }
}

const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGSYS: 31,
}

/** DESIGN §6, exit codes of `run`. */
export function exitCodeOf(outcome: Outcome): number {
  switch (outcome.outcome) {
    case 'exited':
      return outcome.code
    case 'signalled':
      return 128 + (SIGNALS[outcome.signal] ?? 0)
    case 'limited':
      return { 'wall-time': 124, idle: 124, memory: 137, processes: 137, output: 153, 'file-size': 153 }[outcome.limit]
    case 'refused':
      return { ENTRY_NOT_EXECUTABLE: 126, ENTRY_NOT_FOUND: 127 }[outcome.error] ?? 125
  }
}
