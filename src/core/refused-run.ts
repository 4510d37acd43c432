import { exitCodeOf, type Outcome } from './outcome.ts'

/** A run that never started. The error is the reason's own; the exit code is that of a run (DESIGN §6). */
export class RefusedRun extends Error {
  override readonly name = 'RefusedRun'
  readonly outcome: Outcome
  readonly exitCode: number

  constructor(outcome: Outcome, cause: unknown) {
    super(outcome.reason ?? 'cannot run', { cause })
    this.outcome = outcome
    this.exitCode = exitCodeOf(outcome)
  }
}
