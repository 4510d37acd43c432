import { StoreError } from '../core/errors.ts'
import type { PluginName } from '../core/name.ts'
import { isWho, type Who } from '../core/who.ts'
import { read, transact } from './database.ts'
import { keptJson } from './kept-json.ts'
import { Ledger } from './ledger.ts'

/** A plugin that stays at the version it is at. */
export interface Hold {
  readonly name: PluginName
  /** `null`: until it is taken away. */
  readonly untilMs: number | null
  readonly reason: string | null
  readonly who: Who
  readonly sinceMs: number
}

interface Row {
  readonly name: string
  readonly until_ms: number | null
  readonly reason: string | null
  readonly held_by: string
  readonly held_at_ms: number
}

const SELECT = `SELECT p.name, h.until_ms, h.reason, h.held_by, h.held_at_ms
                FROM holds h JOIN plugins p ON p.id = h.plugin_id
                WHERE (h.until_ms IS NULL OR h.until_ms > ?)`

/** Which plugins no update touches, until when, and who said so. One whose time is over counts as none. */
export class Holds extends Ledger {
  /** In the place of one that is there. @throws StoreError `NOT_INSTALLED` */
  hold({ name, untilMs, reason, who }: Omit<Hold, 'sinceMs'>): Hold {
    return transact(this.db, () => {
      const sinceMs = this.now()
      this.db
        .prepare(
          `INSERT INTO holds (plugin_id, until_ms, reason, held_by, held_at_ms) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (plugin_id) DO UPDATE SET until_ms = excluded.until_ms, reason = excluded.reason,
             held_by = excluded.held_by, held_at_ms = excluded.held_at_ms`,
        )
        .run(this.#installedPlugin(name), untilMs, reason, JSON.stringify(who), sinceMs)
      this.events.append(sinceMs, 'held', name, { untilMs, reason, who })
      return { name, untilMs, reason, who, sinceMs }
    })
  }

  /** @throws StoreError `WRONG_STATE`: it is not held */
  unhold(name: PluginName, who: Who): Hold {
    return transact(this.db, () => {
      const held = this.of(name)
      if (held === null) throw new StoreError('WRONG_STATE', `cannot unhold ${name}: it is not held`)
      this.dropInside(name)
      this.events.append(this.now(), 'unheld', name, { who })
      return held
    })
  }

  /** Of a plugin that goes. Must be called inside the transaction that takes its last installation away. */
  dropInside(name: PluginName): void {
    this.db.prepare('DELETE FROM holds WHERE plugin_id IN (SELECT id FROM plugins WHERE name = ?)').run(name)
  }

  of(name: PluginName): Hold | null {
    const row = read(this.db, () =>
      this.db.prepare<[number, string], Row>(`${SELECT} AND p.name = ?`).get(this.now(), name),
    )
    return row === undefined ? null : this.#holdOf(row)
  }

  /** By name. */
  list(): Hold[] {
    return read(this.db, () => this.db.prepare<[number], Row>(`${SELECT} ORDER BY p.name`).all(this.now())).map((row) =>
      this.#holdOf(row),
    )
  }

  #installedPlugin(name: PluginName): number {
    const row = this.db
      .prepare<[string], { id: number }>(
        `SELECT p.id FROM plugins p JOIN installations i ON i.plugin_id = p.id
         WHERE p.name = ? AND i.state IN ('installed', 'disabled', 'quarantined')`,
      )
      .get(name)
    if (row !== undefined) return row.id
    throw new StoreError('NOT_INSTALLED', `cannot hold ${name}: it is not installed`, { hint: 'plugins list' })
  }

  #holdOf({ name, until_ms, reason, held_by, held_at_ms }: Row): Hold {
    const who = keptJson(held_by, isWho, this.db.name, `who holds ${name}`)
    return { name: name as PluginName, untilMs: until_ms, reason, who, sinceMs: held_at_ms }
  }
}
