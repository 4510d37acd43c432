import { UsageError } from '../core/errors.ts'

/** A line that the audit trail keeps for ever, and that a terminal shows. */
const reasonForm = () => /^(?=.*\S)[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]{1,500}$/u

/** @throws UsageError `USAGE`; `verb` is what cannot be done without it */
export function assertReason(reason: string, verb: string, hint: string): void {
  if (reasonForm().test(reason)) return
  throw new UsageError('USAGE', `cannot ${verb}: the reason must be one line of 1 to 500 characters`, { hint })
}
