import { StoreError } from '../core/errors.ts'
import type { PluginName } from '../core/name.ts'
import { KILLED, type Outcome } from '../core/outcome.ts'
import { type Db, read, transactLightly } from './database.ts'
import { holderOf, isAlive, pidOf } from './holder.ts'

/** One run as `history` shows it. */
export interface RunRecord {
  readonly id: string
  readonly name: PluginName
  readonly version: string
  readonly profile: string
  readonly weaker: readonly string[]
  readonly startedAtMs: number
  readonly endedAtMs: number | null
  /** `null` while it runs. */
  readonly outcome: Outcome | null
}

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
}

const SELECT_RUN = 'SELECT r.*, p.name FROM runs r JOIN plugins p ON p.id = r.plugin_id'

/** Every run there was, and how it ended. */
export class Runs {
  readonly #db: Db
  readonly #now: () => number

  constructor(db: Db, now: () => number) {
    this.#db = db
    this.#now = now
  }

  /**
   * `pid` is the process that will supervise it: when that is gone without a report, the run is lost.
   *
   * @throws StoreError `WRONG_STATE` when the release was removed, replaced or disabled since it was looked at: its tree
   * and its user id are then no longer this run's to use
   */
  begin(run: Pick<RunRecord, 'id' | 'name' | 'version' | 'profile' | 'weaker'>, pid: number): void {
    transactLightly(this.#db, () => {
      const { changes } = this.#db
        .prepare(
          `INSERT INTO runs (id, plugin_id, version, profile, weaker, holder, started_at_ms)
           SELECT ?, p.id, r.version, ?, ?, ?, ?
           FROM plugins p JOIN installations i ON i.plugin_id = p.id JOIN releases r ON r.id = i.release_id
           WHERE p.name = ? AND r.version = ? AND i.state = 'installed'`,
        )
        .run(run.id, run.profile, JSON.stringify(run.weaker), holderOf(pid) ?? '', this.#now(), run.name, run.version)
      if (changes === 1) return
      throw new StoreError(
        'WRONG_STATE',
        `cannot run ${run.name} ${run.version}: it has just been removed or changed`,
        {
          hint: `plugins info ${run.name}`,
        },
      )
    })
  }

  /** A run that never started, for `history`. Of a plugin that was never here there is nothing to tell. */
  refuse(run: Pick<RunRecord, 'id' | 'name' | 'version' | 'profile' | 'weaker'>, outcome: Outcome): void {
    const now = this.#now()
    transactLightly(this.#db, () => {
      this.#db
        .prepare(
          `INSERT INTO runs (id, plugin_id, version, profile, weaker, holder, started_at_ms, ended_at_ms, outcome)
           SELECT ?, id, ?, ?, ?, '', ?, ?, ? FROM plugins WHERE name = ?
           ON CONFLICT (id) DO UPDATE SET outcome = excluded.outcome, ended_at_ms = excluded.ended_at_ms`,
        )
        .run(run.id, run.version, run.profile, JSON.stringify(run.weaker), now, now, JSON.stringify(outcome), run.name)
    })
  }

  /** Keeps the first outcome: two commands may take up the same report. */
  end(id: string, outcome: Outcome, endedAtMs: number = this.#now()): void {
    transactLightly(this.#db, () => {
      this.#db
        .prepare('UPDATE runs SET outcome = ?, ended_at_ms = ? WHERE id = ? AND outcome IS NULL')
        .run(JSON.stringify(outcome), endedAtMs, id)
    })
  }

  /** For a run whose launcher is gone and has left no report. */
  lose(id: string): void {
    this.end(id, KILLED)
  }

  /** Runs without an outcome, each with whether its supervisor still lives. */
  open(): { run: RunRecord; alive: boolean; pid: number }[] {
    return read(this.#db, () => this.#db.prepare<[], RunRow>(`${SELECT_RUN} WHERE r.ended_at_ms IS NULL`).all()).map(
      (row) => ({ run: recordOf(row), alive: isAlive(row.holder), pid: pidOf(row.holder) }),
    )
  }

  /** Newest first. */
  history(name: PluginName | null, limit: number): RunRecord[] {
    return read(this.#db, () =>
      this.#db
        .prepare<[string | null, string | null, number], RunRow>(
          `${SELECT_RUN} WHERE ? IS NULL OR p.name = ? ORDER BY r.started_at_ms DESC, r.rowid DESC LIMIT ?`,
        )
        .all(name, name, limit),
    ).map(recordOf)
  }
}

function recordOf(row: RunRow): RunRecord {
  return {
    id: row.id,
    name: row.name as PluginName,
    version: row.version,
    profile: row.profile,
    weaker: JSON.parse(row.weaker) as string[],
    startedAtMs: row.started_at_ms,
    endedAtMs: row.ended_at_ms,
    outcome: row.outcome === null ? null : (JSON.parse(row.outcome) as Outcome),
  }
}
