import { StoreError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { HookRun } from '../core/manifest.ts'
import type { Minute } from '../core/minute.ts'
import type { PluginName } from '../core/name.ts'
import { KILLED, type Outcome } from '../core/outcome.ts'
import type { RunPlace } from '../core/place.ts'
import type { RunEvent } from '../core/run-event.ts'
import { read, transactLightly } from './database.ts'
import { holderOf, isAlive, pidOf } from './holder.ts'
import { Ledger } from './ledger.ts'

/** One run as `history` shows it. */
export interface RunRecord {
  readonly id: string
  readonly name: PluginName
  readonly version: string
  readonly profile: string
  readonly weaker: readonly string[]
  /** The hook that it was; `null`: a run of the entry. */
  readonly hook: HookRun | null
  /** What its host called it; `null`: nothing. */
  readonly instance: string | null
  readonly startedAtMs: number
  readonly endedAtMs: number | null
  /** `null` while it runs. */
  readonly outcome: Outcome | null
}

/** A run without an outcome. */
export interface OpenRun {
  readonly run: RunRecord
  /** Is anybody there who will tell its end: its launcher, or the host application that started it? */
  readonly alive: boolean
  /** The holder's. */
  readonly pid: number
  /** The launcher as `pid:starttime:bootid` while it lives; `null` before it was started and after it is gone. */
  readonly supervisor: string | null
  /** Its launcher is there, and the host application that started it is gone. */
  readonly isOrphan: () => boolean
  /** `null` of runs that an earlier version began. */
  readonly place: RunPlace | null
}

/** What was seen of a run while it went on. */
export interface Seen {
  readonly events: readonly RunEvent[]
  readonly minutes: readonly Minute[]
}

/** Over all plugins: two months of one that always runs, and some 30 MB. */
export const MINUTES_MAX = 100_000

const NOTHING_SEEN: Seen = { events: [], minutes: [] }

interface RunRow {
  readonly id: string
  readonly name: string
  readonly version: string
  readonly profile: string
  readonly weaker: string
  readonly holder: string
  readonly started_at_ms: number
  readonly ended_at_ms: number | null
  readonly outcome: string | null
  readonly supervisor: string | null
  readonly place: string | null
  readonly hook: HookRun | null
}

/** What of a record is known when a run begins. */
type Beginning = Pick<RunRecord, 'id' | 'name' | 'version' | 'profile' | 'weaker'>

export interface BeginOptions {
  readonly handsOver?: boolean
  readonly place?: RunPlace | null
  /** What was looked at, and planned for. Left out: whichever is installed in this version. */
  readonly of?: Pick<Installation, 'id' | 'installedAtMs'> | null
  /** A hook, of an installation that may be in the making still or kept: nothing else of those runs. */
  readonly hook?: { readonly name: HookRun; readonly installation: number } | null
}

const SELECT_RUN = 'SELECT r.*, p.name FROM runs r JOIN plugins p ON p.id = r.plugin_id'

/** Every run there was, and how it ended. */
export class Runs extends Ledger {
  /**
   * `pid` is the process that answers for it: when that is gone without a report, the run is lost. With `handsOver` it
   * becomes the launcher itself; otherwise `supervise` names that as soon as there is one.
   *
   * @throws StoreError `WRONG_STATE` when the release was removed, replaced or disabled since it was looked at, though it may
   * have been installed again: its tree and its user id are then no longer this run's to use
   */
  begin(
    run: Beginning,
    pid: number,
    { handsOver = false, place = null, of = null, hook = null }: BeginOptions = {},
  ): void {
    transactLightly(this.db, () => {
      const holder = holderOf(pid) ?? ''
      const { changes } = this.db
        .prepare(
          `INSERT INTO runs (id, plugin_id, version, profile, weaker, holder, supervisor, place, hook, started_at_ms)
           SELECT @id, p.id, r.version, @profile, @weaker, @holder, @supervisor, @place, @hook, @now
           FROM plugins p JOIN installations i ON i.plugin_id = p.id JOIN releases r ON r.id = i.release_id
           WHERE p.name = @name AND r.version = @version
           AND (@of IS NULL OR (i.id = @of AND i.installed_at_ms = @installedAtMs))
           AND CASE WHEN @hook IS NULL THEN i.state = 'installed'
             ELSE i.id = @installation AND i.state IN ('installing', 'installed', 'kept') END
           AND (@hook IS NOT NULL OR NOT EXISTS (SELECT 1 FROM changes c WHERE c.name = p.name AND c.quiet = 1))`,
        )
        .run({
          ...run,
          weaker: JSON.stringify(run.weaker),
          holder,
          supervisor: handsOver ? holder : null,
          place: place === null ? null : JSON.stringify(place),
          hook: hook?.name ?? null,
          of: of?.id ?? null,
          installedAtMs: of?.installedAtMs ?? null,
          installation: hook?.installation ?? null,
          now: this.now(),
        })
      if (changes === 1) return
      throw new StoreError(
        'WRONG_STATE',
        `cannot run ${run.name} ${run.version}: it has just been removed or changed, or is being changed now`,
        {
          hint: `plugins info ${run.name}, or try again in a moment`,
        },
      )
    })
  }

  /** @throws StoreError `WRONG_STATE` while any version of the plugin runs */
  assertNoneOf({ name, version }: Pick<RunRecord, 'name' | 'version'>): void {
    const running = this.open().filter(({ run, alive }) => alive && run.name === name)
    if (running.length === 0) return
    throw new StoreError(
      'WRONG_STATE',
      `cannot remove ${name} ${version}: it is running (${running.length} at the moment)`,
      { hint: `end it first: plugins stop ${name}`, details: { pids: running.map(({ pid }) => pid) } },
    )
  }

  /** A run that never started, for `history`. Of a plugin that was never here there is nothing to tell. */
  refuse(run: Beginning, outcome: Outcome, hook: HookRun | null = null): void {
    const now = this.now()
    transactLightly(this.db, () => {
      this.db
        .prepare(
          `INSERT INTO runs (id, plugin_id, version, profile, weaker, hook, holder, started_at_ms, ended_at_ms, outcome)
           SELECT ?, id, ?, ?, ?, ?, '', ?, ?, ? FROM plugins WHERE name = ?
           ON CONFLICT (id) DO UPDATE SET outcome = excluded.outcome, ended_at_ms = excluded.ended_at_ms`,
        )
        .run(
          run.id,
          run.version,
          run.profile,
          JSON.stringify(run.weaker),
          hook,
          now,
          now,
          JSON.stringify(outcome),
          run.name,
        )
    })
  }

  /** The launcher that a host application has started for this run. */
  supervise(id: string, pid: number): void {
    const supervisor = holderOf(pid)
    if (supervisor === null) return // gone already: its report says how
    transactLightly(this.db, () => {
      this.db.prepare('UPDATE runs SET supervisor = ? WHERE id = ?').run(supervisor, id)
    })
  }

  /**
   * Keeps the first outcome, and what was seen with it: two commands may take up the same report. `false`: this was not
   * the first.
   */
  end(id: string, outcome: Outcome, endedAtMs: number = this.now(), seen: Seen = NOTHING_SEEN): boolean {
    return transactLightly(this.db, () => {
      const ended = this.db
        .prepare<[string, number, string], { plugin_id: number }>(
          'UPDATE runs SET outcome = ?, ended_at_ms = ? WHERE id = ? AND outcome IS NULL RETURNING plugin_id',
        )
        .get(JSON.stringify(outcome), endedAtMs, id)
      if (ended === undefined) return false
      this.#keep(id, ended.plugin_id, seen)
      return true
    })
  }

  #keep(id: string, pluginId: number, { events, minutes }: Seen): void {
    const minute =
      minutes.length === 0
        ? null
        : this.db.prepare('INSERT OR IGNORE INTO minutes (run_id, at_ms, figures) VALUES (?, ?, ?)')
    for (const { atMs, ...figures } of minutes) minute?.run(id, atMs, JSON.stringify(figures))
    if (minute !== null) this.#forgetMinutes()
    if (events.length === 0) return
    const named = this.db.prepare<[number], { name: string }>('SELECT name FROM plugins WHERE id = ?').get(pluginId)
    for (const { atMs, kind, details } of events) this.events.append(atMs, kind, named?.name ?? '', details)
  }

  /** The newest are kept. */
  #forgetMinutes(): void {
    const last = this.db
      .prepare<[number], { at_ms: number }>('SELECT at_ms FROM minutes ORDER BY at_ms DESC LIMIT 1 OFFSET ?')
      .get(MINUTES_MAX)
    if (last !== undefined) this.db.prepare('DELETE FROM minutes WHERE at_ms <= ?').run(last.at_ms)
  }

  /** For a run whose launcher is gone and has left no report. */
  lose(id: string, seen: Seen = NOTHING_SEEN): boolean {
    return this.end(id, KILLED, this.now(), seen)
  }

  /** Runs without an outcome. */
  open(): OpenRun[] {
    return read(this.db, () => this.db.prepare<[], RunRow>(`${SELECT_RUN} WHERE r.ended_at_ms IS NULL`).all()).map(
      (row) => {
        const supervisor = row.supervisor !== null && isAlive(row.supervisor) ? row.supervisor : null
        const isHeld = () => row.holder !== row.supervisor && isAlive(row.holder)
        return {
          run: recordOf(row),
          // A launcher outlives its host by the moment in which it ends the tree.
          alive: supervisor !== null || isHeld(),
          isOrphan: () => supervisor !== null && row.holder !== row.supervisor && !isHeld(),
          pid: pidOf(row.holder),
          supervisor,
          place: placeOf(row),
        }
      },
    )
  }

  /** Minute by minute, oldest first; as far as the run has ended. */
  minutes(id: string): Minute[] {
    return read(this.db, () =>
      this.db
        .prepare<[string], { at_ms: number; figures: string }>(
          'SELECT at_ms, figures FROM minutes WHERE run_id = ? ORDER BY at_ms',
        )
        .all(id),
    ).map(({ at_ms, figures }) => ({ atMs: at_ms, ...(JSON.parse(figures) as Omit<Minute, 'atMs'>) }))
  }

  find(id: string): RunRecord | null {
    const row = read(this.db, () => this.db.prepare<[string], RunRow>(`${SELECT_RUN} WHERE r.id = ?`).get(id))
    return row === undefined ? null : recordOf(row)
  }

  /** Newest first. */
  history(name: PluginName | null, limit: number): RunRecord[] {
    return read(this.db, () =>
      this.db
        .prepare<[string | null, string | null, number], RunRow>(
          `${SELECT_RUN} WHERE ? IS NULL OR p.name = ? ORDER BY r.started_at_ms DESC, r.rowid DESC LIMIT ?`,
        )
        .all(name, name, limit),
    ).map(recordOf)
  }
}

const placeOf = ({ place }: RunRow): RunPlace | null => (place === null ? null : (JSON.parse(place) as RunPlace))

function recordOf(row: RunRow): RunRecord {
  return {
    id: row.id,
    name: row.name as PluginName,
    version: row.version,
    profile: row.profile,
    weaker: JSON.parse(row.weaker) as string[],
    hook: row.hook,
    instance: placeOf(row)?.instance ?? null,
    startedAtMs: row.started_at_ms,
    endedAtMs: row.ended_at_ms,
    outcome: row.outcome === null ? null : (JSON.parse(row.outcome) as Outcome),
  }
}
