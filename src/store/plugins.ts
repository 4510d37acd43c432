import type { Installation } from '../core/installation.ts'
import type { PluginName } from '../core/name.ts'
import type { Db } from './database.ts'
import type { Events } from './events.ts'
import { freeUid, type UidRange } from './uids.ts'

export interface AdoptedPlugin {
  readonly id: number
  /** It has got its user id by this. */
  readonly gaveUid: boolean
}

/** The plugins that this host knows, and the user id of each. Every method is called inside a transaction. */
export class Plugins {
  readonly #db: Db
  readonly #uids: UidRange
  readonly #events: Events
  readonly #now: () => number

  constructor(db: Db, uids: UidRange, events: Events, now: () => number) {
    this.#db = db
    this.#uids = uids
    this.#events = events
    this.#now = now
  }

  adopt(name: PluginName): AdoptedPlugin {
    const known = this.#db
      .prepare<[string], { id: number; uid: number | null }>('SELECT id, uid FROM plugins WHERE name = ?')
      .get(name)
    if (known !== undefined && known.uid !== null) return { id: known.id, gaveUid: false }
    const uid = freeUid(this.#db, this.#uids)
    if (known !== undefined) {
      this.#db.prepare('UPDATE plugins SET uid = ? WHERE id = ?').run(uid, known.id)
      return { id: known.id, gaveUid: true }
    }
    const { lastInsertRowid } = this.#db
      .prepare('INSERT INTO plugins (name, uid, first_seen_ms) VALUES (?, ?, ?)')
      .run(name, uid, this.#now())
    return { id: Number(lastInsertRowid), gaveUid: true }
  }

  /** Not while an installation of the plugin has a row: that one may own files. */
  releaseUid(name: PluginName, why: 'purged' | 'undone'): void {
    const released = this.#db
      .prepare<[string], { uid: number }>(
        `SELECT uid FROM plugins p WHERE name = ? AND uid IS NOT NULL
         AND NOT EXISTS (SELECT 1 FROM installations i WHERE i.plugin_id = p.id)`,
      )
      .get(name)
    if (released === undefined) return
    this.#db.prepare('UPDATE plugins SET uid = NULL WHERE name = ?').run(name)
    if (why === 'purged') this.#events.append(this.#now(), why, name, { uid: released.uid })
  }

  /** `version` is taken back with what it came with: older ones are no downgrades by that. `undefined`: it counts as having been here. */
  lower({ name, version }: Pick<Installation, 'name' | 'version'>, mark: string | null | undefined): void {
    if (mark === undefined) return
    this.#db.prepare('UPDATE plugins SET high_water = ? WHERE name = ? AND high_water = ?').run(mark, name, version)
  }

  /** One that never got as far as being installed, and of which nothing is told. */
  forgetUnknown(name: PluginName): void {
    this.#db
      .prepare(
        `DELETE FROM plugins WHERE name = ? AND uid IS NULL AND high_water IS NULL
         AND NOT EXISTS (SELECT 1 FROM releases r WHERE r.plugin_id = plugins.id)
         AND NOT EXISTS (SELECT 1 FROM installations i WHERE i.plugin_id = plugins.id)
         AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.plugin_id = plugins.id)`,
      )
      .run(name)
  }
}
