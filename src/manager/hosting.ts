import type { Host } from './host.ts'
import type { LiveRuns } from './live-runs.ts'

/** What a manager lends to what goes on by itself: a plugin that it has loaded, a run that it serves. */
export interface Hosting {
  /** The host as it is configured at this moment. */
  readonly host: () => Promise<Host>
  readonly runs: LiveRuns
  /** The manager is being closed. */
  readonly closing: AbortSignal
}
