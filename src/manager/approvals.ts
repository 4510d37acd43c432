import type { KeptApproval, WaitingUpdate } from '../store/index.ts'
import type { Host } from './host.ts'
import { nameOf } from './plugin-name.ts'

/** Who agreed to what and when, and what waits for somebody to agree. */
export interface ApprovalReport {
  /** Newest first. */
  readonly approvals: readonly KeptApproval[]
  readonly waiting: readonly WaitingUpdate[]
}

/** Of one plugin, or of all when `text` is `null`. */
export function approvals({ store }: Pick<Host, 'store'>, text: string | null, limit: number): ApprovalReport {
  const name = text === null ? null : nameOf(text)
  return { approvals: store.approvals.list(name, limit), waiting: store.approvals.waiting(name) }
}
