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

/** The audit trail as it grows, whichever process writes it: verdicts, changes, limits, denials, revocations. */
export async function* follow(
  { store }: Pick<Host, 'store'>,
  { everyMs = EVERY_MS, signal, after = store.events.lastId() }: FollowOptions,
): AsyncGenerator<AuditEvent, void, void> {
  let last = after
  do {
    for (const event of store.events.since(last)) {
      last = event.id
      yield event
      if (signal?.aborted === true) return
    }
  } while (await passed(everyMs, signal))
}
