import { type AuditHead, formatAuditHead, parseAuditHead } from '../core/audit-head.ts'
import { UsageError } from '../core/errors.ts'
import type { LogEntry } from '../core/log-entry.ts'
import type { Minute } from '../core/minute.ts'
import { printable } from '../core/printable.ts'
import type { AuditEvent, RunRecord } from '../store/index.ts'
import { type ApprovalReport, approvals } from './approvals.ts'
import { type ClockReading, readClock, resetClock } from './clock.ts'
import type { FollowOptions } from './following.ts'
import type { Host } from './host.ts'
import type { LogOptions } from './logs.ts'
import { nameOf } from './plugin-name.ts'
import type { PluginStats, RunningPlugin, WatchOptions } from './watching.ts'

/** What a host has on record, and what goes on: runs, logs, figures, approvals, the trail, the clock. Nothing here changes a plugin. */
export abstract class Records {
  /** Ends whoever is watching. */
  protected readonly closing = new AbortController()
  protected abstract get on(): Host

  /** Runs that go on, oldest first, of every plugin when `name` is `null`; whoever started them. None is disturbed. */
  async ps(name: string | null = null): Promise<RunningPlugin[]> {
    const { ps } = await import('./watching.ts')
    return ps(this.on, name)
  }

  /** The same with how busy each is, which takes two looks. */
  async stats(name: string | null = null, options: WatchOptions = {}): Promise<PluginStats[]> {
    const { stats } = await import('./watching.ts')
    return stats(this.on, name, options)
  }

  /** One list for each look, until `options.signal` or the end of this manager ends it. */
  async *watchStats(name: string | null = null, options: WatchOptions = {}): AsyncGenerator<PluginStats[], void, void> {
    const { watchStats } = await import('./watching.ts')
    yield* watchStats(this.on, name, { ...options, signal: this.#until(options.signal) })
  }

  /** What a plugin wrote to its standard error, in the order it came. Its text is the plugin's: no terminal should obey it. */
  async *logs(name: string, options: LogOptions = {}): AsyncGenerator<LogEntry, void, void> {
    const { logs } = await import('./logs.ts')
    yield* logs(this.on, name, { ...options, signal: this.#until(options.signal) })
  }

  /** Who agreed to what and when, newest first, and what waits; of every plugin when `name` is `null`. */
  approvals(name: string | null = null, limit = 50): ApprovalReport {
    assertLimit(limit)
    return approvals(this.on, name, limit)
  }

  /** One run. @throws StoreError `RUN_NOT_FOUND` */
  async runRecord(run: string): Promise<RunRecord> {
    const { runNotFound } = await import('./watching.ts')
    const record = this.on.store.runs.find(run)
    if (record === null) throw runNotFound(run)
    return record
  }

  /** Averages and peaks of a run, minute by minute; there are none of a run of less than one sample. */
  async minutes(run: string): Promise<Minute[]> {
    const { minutes } = await import('./watching.ts')
    return minutes(this.on, run)
  }

  /** Newest first; of every plugin when `name` is `null`. */
  history(name: string | null = null, limit = 50): RunRecord[] {
    assertLimit(limit)
    return this.on.store.runs.history(name === null ? null : nameOf(name), limit)
  }

  /** The latest, newest first; about everything when `subject` is `null`. */
  audit(subject: string | null = null, limit = 50): AuditEvent[] {
    assertLimit(limit)
    return this.on.store.events.list(subject, limit)
  }

  /**
   * Where the trail ends. `kept`, as `COUNT:HASH`: a head from before that it must still lead through.
   *
   * @throws PluginError `AUDIT_BROKEN` naming the first event that was changed, removed or reordered
   */
  verifyAudit(kept?: string): AuditHead {
    return this.on.store.events.verify(kept === undefined ? null : parseAuditHead(kept))
  }

  /** The same, sent to this host's syslog. @throws PluginError `SYSLOG_FAILED` */
  async sendAuditHead(): Promise<AuditHead> {
    const { sendToSyslog } = await import('../runtime/syslog.ts')
    const found = this.verifyAudit()
    sendToSyslog(`audit head ${formatAuditHead(found)} of ${printable(this.on.layout.home, 400)}`)
    return found
  }

  /** This host's clock, and the latest moment it has ever shown. */
  clock(): ClockReading {
    return readClock(this.on)
  }

  /** For a latest moment that was a wrong one; the reason is in the audit trail. */
  resetClock(reason: string): ClockReading {
    return resetClock(this.on, reason)
  }

  /** The audit trail as it grows, whichever process writes it, until `options.signal` or the end of this manager ends it. */
  async *follow(options: FollowOptions = {}): AsyncGenerator<AuditEvent, void, void> {
    const { follow } = await import('./following.ts')
    yield* follow(this.on, { ...options, signal: this.#until(options.signal) })
  }

  #until(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.closing.signal : AbortSignal.any([this.closing.signal, signal])
  }
}

function assertLimit(limit: number): void {
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new UsageError(
      'USAGE',
      `cannot list ${printable(String(limit), 80)} of them: expected a whole number of 1 and more`,
    )
}
