import type { AuditEvent } from '../store/index.ts'
import type { Host } from './host.ts'
import { passed } from './watching.ts'

export interface FollowOptions {
  /** Time between two looks, in milliseconds. */
  readonly everyMs?: number | undefined
  /** Ends the following. */
  readonly signal?: AbortSignal | undefined
  /** Events after this one; default: what happens from now on. */
  readonly after?: number | undefined
}

const EVERY_MS = 500
/** Events that are read at once. After a full page there are more, which nobody should have to wait for. */
export const PAGE = 1_000

/** The audit trail as it grows, whichever process writes it: verdicts, changes, limits, denials, revocations. */
export async function* follow(
  { store }: Pick<Host, 'store'>,
  { everyMs = EVERY_MS, signal, after = store.events.lastId() }: FollowOptions,
): AsyncGenerator<AuditEvent, void, void> {
  let last = after
  let isMore = false
  do {
    const page = store.events.since(last, PAGE)
    for (const event of page) {
      last = event.id
      yield event
      if (signal?.aborted === true) return
    }
    isMore = page.length === PAGE
  } while (await passed(isMore ? 0 : everyMs, signal))
}
